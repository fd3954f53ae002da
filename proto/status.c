/*
 * status - look-ups in the status table
 *
 * Role:       see status.h.
 * Uses:       proto/status.h
 */
#include "proto/status.h"

const char *pallocd_status_name(unsigned status)
{
	switch (status) {
#define CASE(value, name, exit_code, sentence) \
	case (value):                          \
		return #name;
		PALLOCD_STATUS_TABLE(CASE)
#undef CASE
	}
	return "UNKNOWN";
}

const char *pallocd_status_sentence(unsigned status)
{
	switch (status) {
#define CASE(value, name, exit_code, sentence) \
	case (value):                          \
		return sentence;
		PALLOCD_STATUS_TABLE(CASE)
#undef CASE
	}
	return "a status that this version does not know";
}

int pallocd_status_exit_code(unsigned status)
{
	switch (status) {
#define CASE(value, name, exit_code, sentence) \
	case (value):                          \
		return exit_code;
		PALLOCD_STATUS_TABLE(CASE)
#undef CASE
	}
	return 1;
}
