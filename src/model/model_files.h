/* model/model_files.h: what struct model_files is, for those that read and load it. */
#pragma once
#include "model/ensemble.h"

struct model_file {
    char *name;         /* its path */
    struct slice bytes; /* owned */
};

struct model_files {
    size_t n;
    struct model_file file[MODEL_FILES_MAX];
};
