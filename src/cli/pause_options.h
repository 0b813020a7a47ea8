/** How a process is stopped, from the command line: --pause, --max-pause, --if-longer. */
#ifndef SEEP_CLI_PAUSE_OPTIONS_H
#define SEEP_CLI_PAUSE_OPTIONS_H

#include <argp.h>

/** To be the child of a command's argp, with a struct seep_snapshot_options as its input. */
extern const struct argp seep_pause_argp;

#endif
