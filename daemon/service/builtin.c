/*
 * builtin - the configuration of a daemon that is told nothing
 *
 * Role:       a first start without any file; read by the same parser as files are.
 * Uses:       service/config.h
 */
#include "service/config.h"

const char config_builtin[] = "# Built into pallocd; used where there is no " CONFIG_FILE_DEFAULT
			      ".\n"
			      "[Region demo]\n"
			      "Base = 0x100000000\n"
			      "Limit = 4G\n"
			      "PageSize = 4K\n"
			      "Initial = 16M\n"
			      "AutoGrow = 16M\n";
