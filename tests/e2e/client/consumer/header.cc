/*
 * header - what <paclient.h> declares, as C++ sees it: every _INIT fits its struct, structs begin as zeros, enums and flags are numbers
 *
 * Role:       is compiled, and nothing more, by install.sh
 * Uses:       <paclient.h>
 */
#include <paclient.h>

static_assert(PACLIENT_VERSION_MAJOR >= 0, "a macro of a number is a constant expression");

extern "C" int each(const paclient_extent *, void *);
extern "C" int each(const paclient_extent *, void *)
{
	return 0;
}

int main()
{
	paclient_call call = PACLIENT_CALL_INIT;
	paclient_options options = PACLIENT_OPTIONS_INIT;
	paclient_placement placement = PACLIENT_PLACEMENT_INIT;
	paclient_alloc_options alloc = PACLIENT_ALLOC_OPTIONS_INIT;
	paclient_list_filter list = PACLIENT_LIST_FILTER_INIT;
	paclient_watch_filter watch = PACLIENT_WATCH_FILTER_INIT;
	struct paclient_drain drain = {};
	paclient_backing backing = {};
	paclient_alloced alloced = {};
	paclient_extent_fn *fn = each;
	paclient *client = nullptr;

	drain.size = sizeof(drain);
	backing.size = sizeof(backing);
	alloc.ret_alloced = &alloced;
	alloc.commit = PACLIENT_COMMIT_NOW;
	alloc.flags = PACLIENT_DETACHED;
	alloc.placement = &placement;
	watch.kinds = UINT64_C(1) << PACLIENT_EVENT_ALLOC;
	call.error.extents[0].addr = drain.npages;
	paclient_close(client);
	return paclient_list_each(client, 0, &list, fn, nullptr, &call) + alloc.wait_ms + static_cast<int>(watch.kinds) + options.timeout_ms + paclient_version()[0];
}
