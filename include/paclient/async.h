/*
 * async.h - calls that nobody waits for: the part of paclient.h about event loops
 *
 * <paclient.h> includes it; programs include that.
 *
 * A call is submitted instead of waited for when its struct paclient_call has a done():
 *
 *	static void got_it(struct paclient_call *call)
 *	{
 *		struct job *job = call->user;
 *
 *		if (call->error.status)
 *			warnx("%s", call->error.message);
 *		else
 *			use(job->addr);
 *	}
 *
 *	job->call = (struct paclient_call)PACLIENT_CALL_INIT;
 *	job->call.done = got_it;
 *	job->call.user = job;
 *	status = paclient_alloc(pa, region, 16, 0, &job->addr, &job->call);
 *	if (status != PACLIENT_PENDING)
 *		...refused at once, as call.error says; got_it() is not called
 *
 * The loop of the program waits for paclient_fd() to become readable and calls paclient_process(),
 * which never blocks, and which is where done() is called. That is all there is to it: the same calls,
 * the same results, the same errors.
 *
 * What the caller owes: the struct, and whatever ret_ pointers point to, stay where they are until
 * done() is called; then they are the caller's again, and done() may use the struct for the next call,
 * or free it. All other arguments are copied.
 *
 * Which calls: those that are one request. paclient_alloc() and all of its kind, paclient_free() and its
 * kind, paclient_grow(), _grow_at(), _shrink(), _resize(), _resize_with(), _split(), _join(),
 * _lookup(), _annotate(), _share(), _share_name(), _release(), _handover(), _handover_to_user(),
 * _region_open(), _region_by_name(), _region_info(). Any other call refuses a done(): BAD_ARGUMENT.
 *
 * How many: as many as there is memory for in this program; requests that the connection does not take
 * at once wait in it. The daemon answers in order, so that what is submitted first is over first, except
 * for what fails or is cancelled here.
 *
 * Deadlines and restarts are as for calls that are waited for: a connection that is lost is made anew by
 * paclient_process(), requests without an answer are said again, and nothing is done twice. A program
 * whose loop goes round now and then needs no paclient_keep().
 *
 * Threads: any thread may submit, cancel, process, and make calls that it waits for, all at once on one
 * handle. A thread that waits reads for all; done() is nevertheless called by paclient_process() alone.
 * Fork: in a child all of this is refused, and nothing of the parent's is touched.
 */
#ifndef PACLIENT_ASYNC_H
#define PACLIENT_ASYNC_H

#ifndef PACLIENT_H
#error "include <paclient.h>"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/**
 * paclient_fd() - a descriptor that is readable whenever paclient_process() has something to do
 * @ret_fd: belongs to the handle, and is the same until that is closed, whatever becomes of the connection
 *
 * For poll(2), epoll(7) and event loops; only POLLIN is to be asked for. It may be readable when there is
 * nothing to do after all. Does not block.
 * Errors of its own: SYSTEM (no descriptor is left).
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_fd(paclient *client, int *ret_fd,
						 struct paclient_call *call);

/**
 * paclient_process() - send and receive what can be at once, and tell which calls are over
 *
 * Calls done() of those. It may make any call but paclient_process() on this handle; where it closes the
 * handle, that happens when it has returned, and calls that are not over are cancelled.
 * Does not block, but for a few milliseconds where a daemon's queue of new connections is full, and for
 * whatever done() does.
 * Return: 0; BAD_ARGUMENT for NULL or in a forked child; or the status with which every further call on
 * the handle will fail: then it can only be closed, and all calls have been told so.
 */
PACLIENT_API int paclient_process(paclient *client);

/**
 * paclient_cancel() - be done with a call
 *
 * Its done() is called by the next paclient_process(), with CANCELLED. Whether the daemon did what was
 * asked for is not known, except that extents of an alloc are given back when its reply comes.
 * Does not block. Return: 0; NOT_FOUND: @call is not in flight on this handle, or over already; BAD_ARGUMENT.
 */
PACLIENT_API int paclient_cancel(paclient *client, struct paclient_call *call);

/**
 * paclient_queued() - the done() of calls that are to be asked for: it is never called
 *
 * Calls with it are put into a queue when they are over, and paclient_next() takes them out.
 */
PACLIENT_API void paclient_queued(struct paclient_call *call);

/**
 * paclient_next() - the call of done paclient_queued that was over first
 *
 * Does not block, nor send or receive: paclient_process() does. What is in the queue does not make
 * paclient_fd() readable a second time: take all of it out.
 * Return: the struct, which is the caller's again; NULL: there is none.
 */
PACLIENT_API struct paclient_call *paclient_next(paclient *client);

#ifdef __cplusplus
}
#endif

#endif
