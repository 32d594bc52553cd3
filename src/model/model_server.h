/* model/model_server.h: the program behind `weir model-server`.
 *
 * A few threads, each with its own loop, listening socket (SO_REUSEPORT) and copy of the model,
 * share nothing but the log. They serve from the start, so that /ping can say 503 while a thread of
 * its own loads the model. Unix sockets know no SO_REUSEPORT: what connects there is accepted by the
 * main thread and handed to the workers in turn.
 */
#pragma once
#include "base/log.h"
#include "model/content.h"
#include "net/address.h"

struct model_server_settings {
    const char *model; /* a file or a directory */
    bool ensemble;     /* of a directory, take all files, not only the first */
    struct address listen;
    struct address listen_local; /* a Unix socket, too; size 0: none */
    unsigned n_threads;
    ms_t delay_ms; /* each prediction waits as long before it is answered */
    size_t body_bytes_max;
    enum answer_form standard_answer;
};

enum { MODEL_SERVER_THREADS_MAX = 256 };

/** model_server_run() - until SIGTERM or SIGINT, which let running requests finish. Writes why it
 * failed into the log. Return: 0 or a negative errno. */
int model_server_run(const struct model_server_settings *settings, struct log *log);
