/* settings.h - changing the settings of a server that runs.
 *
 * Threads: any; one change at a time.
 */
#pragma once

#include "server/server.h"

enum { SETTINGS_CHANGES_MAX = 64 };

struct setting_change {
    struct bytes name, value;
};

enum settings_outcome {
    SETTINGS_CHANGED,
    SETTINGS_UNKNOWN, // There is no setting of this name.
    SETTINGS_REFUSED, // reason says why.
};

/* What became of a change of several settings. */
struct settings_result {
    enum settings_outcome outcome;
    struct bytes name; // Of the setting that it failed for.
    char reason[OPTION_ERROR_MAX];
};

/* Change live settings, all or none, and bring the server in line with them. */
void settings_change(struct server *server, const struct setting_change *changes, size_t count,
                     struct settings_result *result_out);

/* A setting's value as text. */
void settings_print(struct server *server, struct config_option option, char out[OPTION_TEXT_MAX]);
