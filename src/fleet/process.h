/* fleet/process.h: the driver whose instances are processes of this machine.
 *
 * Images: "weir/xgboost:latest" is `weir model-server` of the running program; "command:LINE" runs
 * LINE as it stands; other names are looked up in the config file. Each instance gets
 *   - a port of 127.0.0.1 in SAGEMAKER_BIND_TO_PORT, where it must answer /ping and /invocations;
 *   - the path of a Unix socket in WEIR_BIND_TO_UNIX, where it may listen as well: requests that come
 *     that way cost less;
 *   - STATE/instances/ID/model with its model data, unpacked or copied, named by SM_MODEL_DIR;
 *   - a small environment (PATH, HOME, LANG, region, CPU count) and the model's Environment;
 *   - STATE/instances/ID as working directory, /dev/null as input, and output.log for its output;
 *   - a session of its own, no_new_privs, no core files, default signals, no other descriptors;
 *   - CPU and memory limits of its instance type through cgroups, where the machine has them.
 * Output is kept in output.log and, once that passes 8 MiB, one older output.log.1. When the
 * instance is gone its model is removed; output of the last 50 that went is kept. Source: SageMaker
 * Developer Guide, "Use Your Own Inference Code with Hosting Services".
 */
#pragma once
#include "base/log.h"
#include "base/loop.h"
#include "fleet/config.h"
#include "fleet/driver.h"

struct process_driver_settings {
    const char *state_dir;             /* exists; instances/ is made in it */
    const char *region;                /* "us-east-1" */
    const char *program;               /* the weir executable; NULL: the one that is running */
    const struct fleet_config *config; /* borrowed for the driver's life; NULL: none */
};

/**
 * process_driver_new() - the calling program must have no other threads, because it forks
 * @settings: its strings are copied
 * @events:   copied
 */
int process_driver_new(struct loop *loop, struct log *log,
                       const struct process_driver_settings *settings,
                       const struct driver_events *events, struct driver **ret_driver);
