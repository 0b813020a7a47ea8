/** What is known already, from the command line: --suppress, --baseline, --no-known. */
#ifndef SEEP_CLI_SIFT_OPTIONS_H
#define SEEP_CLI_SIFT_OPTIONS_H

#include "sift/sift.h"

#include <argp.h>

/** To be the child of a command's argp, with a struct seep_sift as its input, which is filled when parsing ends and the caller's to deinit. */
extern const struct argp seep_sift_argp;

#endif
