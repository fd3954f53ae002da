/*
 * names - words for the numbers of the public interface
 *
 * Role:       the public calls paclient_*_name() but that of the statuses. A number that a newer daemon sends is "unknown".
 * Uses:       include/paclient.h
 */
#include "include/paclient.h"

#define UNKNOWN "unknown"

const char *paclient_right_name(unsigned right)
{
	switch (right) {
	case PACLIENT_RIGHT_ALLOC:
		return "alloc";
	case PACLIENT_RIGHT_ATTACH_RO:
		return "attach-ro";
	case PACLIENT_RIGHT_ATTACH_RW:
		return "attach-rw";
	case PACLIENT_RIGHT_FREE_ANY:
		return "free-any";
	case PACLIENT_RIGHT_GROW:
		return "grow";
	case PACLIENT_RIGHT_ADMIN:
		return "admin";
	}
	return UNKNOWN;
}

const char *paclient_death_name(int death)
{
	switch (death) {
	case PACLIENT_DEATH_FREE:
		return "free";
	case PACLIENT_DEATH_QUARANTINE:
		return "quarantine";
	case PACLIENT_DEATH_KEEP:
		return "keep";
	}
	return UNKNOWN;
}

const char *paclient_session_state_name(int state)
{
	switch (state) {
	case PACLIENT_SESSION_OPEN:
		return "open";
	case PACLIENT_SESSION_GRACE:
		return "grace";
	case PACLIENT_SESSION_ENDING:
		return "ending";
	case PACLIENT_SESSION_QUARANTINED:
		return "quarantined";
	}
	return UNKNOWN;
}

const char *paclient_event_name(int kind)
{
	switch (kind) {
	case PACLIENT_EVENT_LOST:
		return "lost";
	case PACLIENT_EVENT_ALLOC:
		return "alloc";
	case PACLIENT_EVENT_FREE:
		return "free";
	case PACLIENT_EVENT_GROW:
		return "grow";
	case PACLIENT_EVENT_SHRINK:
		return "shrink";
	case PACLIENT_EVENT_SESSION_OPEN:
		return "session-open";
	case PACLIENT_EVENT_SESSION_GRACE:
		return "session-grace";
	case PACLIENT_EVENT_SESSION_RESUME:
		return "session-resume";
	case PACLIENT_EVENT_SESSION_END:
		return "session-end";
	case PACLIENT_EVENT_SPACE_LOW:
		return "space-low";
	case PACLIENT_EVENT_SPACE_OK:
		return "space-ok";
	case PACLIENT_EVENT_QUOTA:
		return "quota";
	case PACLIENT_EVENT_HANDOVER:
		return "handover";
	case PACLIENT_EVENT_RECLAIM:
		return "reclaim";
	}
	return UNKNOWN;
}

const char *paclient_cause_name(int cause)
{
	switch (cause) {
	case PACLIENT_CAUSE_NONE:
		return "none";
	case PACLIENT_CAUSE_CLOSED:
		return "closed";
	case PACLIENT_CAUSE_DIED:
		return "died";
	case PACLIENT_CAUSE_ASKED:
		return "asked";
	case PACLIENT_CAUSE_KILLED:
		return "killed";
	case PACLIENT_CAUSE_GRACE:
		return "grace";
	}
	return UNKNOWN;
}

const char *paclient_backing_name(int kind)
{
	switch (kind) {
	case PACLIENT_BACKING_NONE:
		return "none";
	case PACLIENT_BACKING_MEMFD:
		return "memfd";
	case PACLIENT_BACKING_HUGETLB:
		return "hugetlb";
	case PACLIENT_BACKING_FILE:
		return "file";
	}
	return UNKNOWN;
}

const char *paclient_commit_name(int commit)
{
	switch (commit) {
	case PACLIENT_COMMIT_DEFAULT:
		return "default";
	case PACLIENT_COMMIT_LAZY:
		return "lazy";
	case PACLIENT_COMMIT_NOW:
		return "now";
	}
	return UNKNOWN;
}

const char *paclient_durability_name(int durability)
{
	switch (durability) {
	case PACLIENT_DURABILITY_NONE:
		return "none";
	case PACLIENT_DURABILITY_PROCESS:
		return "process";
	case PACLIENT_DURABILITY_MACHINE:
		return "machine";
	}
	return UNKNOWN;
}

const char *paclient_scavenger_name(int state)
{
	switch (state) {
	case PACLIENT_SCAVENGER_OFF:
		return "off";
	case PACLIENT_SCAVENGER_WORKING:
		return "working";
	case PACLIENT_SCAVENGER_DONE:
		return "done";
	case PACLIENT_SCAVENGER_RETAINING:
		return "retaining";
	case PACLIENT_SCAVENGER_DELAYED:
		return "delayed";
	case PACLIENT_SCAVENGER_RESTING:
		return "resting";
	case PACLIENT_SCAVENGER_FAILED:
		return "failed";
	}
	return UNKNOWN;
}
