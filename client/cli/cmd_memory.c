/*
 * cmd_memory - the verbs scavenge, read and write
 *
 * Role:       memory behind free pages goes back to the system; the memory of an extent goes to standard output, or comes from standard
 *             input, by a mapping of it, a piece at a time.
 * Uses:       cli.h
 */
#include "client/cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/cli/progress.h"

/* Mapped at once: enough that mapping costs nothing beside copying. */
#define PIECE_BYTES ((uint64_t)64 << 20)

static int scavenge_out(const struct cli *cli, const struct paclient_region *r, uint64_t npages)
{
	uint64_t bytes = pages_bytes(npages, r->page_size_bytes);
	char text[SIZE_TEXT_BYTES];

	if (cli->json)
		return json_out(cli,
				json_pack("{s:s, s:o, s:b, s:o, s:o}", "region", r->name,
					  "page_size_bytes", json_count(r->page_size_bytes),
					  "waited", cli->wait, "released_npages",
					  cli->wait ? json_count(npages) : json_null(), "bytes",
					  cli->wait ? json_count(bytes) : json_null()));
	if (cli->wait)
		printf("%" PRIu64 " page%s given back to the system (%s)\n", npages,
		       npages == 1 ? "" : "s", size_text(bytes, text));
	return out_end(cli);
}

int cmd_scavenge(struct cli *cli)
{
	CLEANUP(paclient_closep) paclient *pa = NULL;
	const char *name = cli_region_take(cli);
	struct amount amount = {0};
	struct paclient_region r;
	struct paclient_call call;
	struct progress bar;
	uint64_t npages = 0, bytes;
	int err = 0;

	if (!name)
		return usage_error(cli, "name a region: paclient scavenge REGION [NPAGES|SIZE]");
	if (cli->nargs > 1)
		return usage_error(cli, "takes one size at most, \"%s\" is one too many",
				   cli->args[1]);
	if (cli->nargs)
		err = cli_amount(cli, cli->args[0], &amount);
	if (!err)
		err = cli_open(cli, &pa);
	if (!err)
		err = cli_region(cli, pa, name, &r);
	if (err)
		return err;
	bytes = amount.bytes ? amount.value : pages_bytes(amount.value, r.page_size_bytes);
	call_init(cli, &call);
	progress_begin(&bar, cli, "scavenge");
	err = paclient_scavenge(pa, r.id, bytes, cli->wait ? PACLIENT_SCAVENGE_WAIT : 0, &npages,
				&call);
	progress_end(&bar);
	if (err)
		return call_error(cli, &call.error);
	return scavenge_out(cli, &r, npages);
}

/* What is read or written: of an extent, from where it begins. */
struct part {
	paclient *pa;
	struct paclient_region region;
	struct paclient_extent extent;
	uint64_t bytes;
	uint64_t done;
};

static int part_extent(const struct cli *cli, struct part *p, const char *name, uint64_t addr)
{
	struct paclient_call call;
	int status;

	call_init(cli, &call);
	p->extent.size = sizeof(p->extent);
	status = name ? paclient_lookup(p->pa, p->region.id, name, &p->extent, &call)
		      : paclient_extent_info(p->pa, p->region.id, addr, &p->extent, &call);
	return status ? call_error(cli, &call.error) : 0;
}

/* @range: NULL where all of the extent is meant. */
static int part_bound(const struct cli *cli, struct part *p, const struct range_arg *range)
{
	uint64_t page = p->region.page_size_bytes, all = pages_bytes(p->extent.npages, page);

	p->bytes = all;
	if (!range)
		return 0;
	p->bytes = range->amount.bytes ? range->amount.value
				       : pages_bytes(range->amount.value, page);
	if (p->bytes <= all)
		return 0;
	return usage_error(cli, "the extent at 0x%" PRIx64 " ends after %" PRIu64 " bytes",
			   p->extent.addr, all);
}

/* REGION ADDR[:NPAGES|+SIZE] or REGION NAME: what begins with a digit is an address. */
static int part_open(struct cli *cli, struct part *p)
{
	const char *region = cli_region_take(cli), *name = NULL;
	struct range_arg range = {0};
	char *text;
	int err = 0;

	if (!region || !cli->nargs)
		return usage_error(cli, "name a region and an extent: paclient %s %s",
				   cli->verb->name, cli->verb->synopsis);
	if (cli->nargs > 1)
		return usage_error(cli, "takes one extent, \"%s\" is one too many", cli->args[1]);
	text = cli->args[0];
	if (text[0] >= '0' && text[0] <= '9')
		err = range_read(cli, text, &range);
	else if (text[0])
		name = text;
	else
		err = usage_error(cli, "\"\" names no extent");
	if (!err)
		err = cli_open(cli, &p->pa);
	if (!err)
		err = cli_region(cli, p->pa, region, &p->region);
	if (!err)
		err = part_extent(cli, p, name, range.addr);
	return err ? err : part_bound(cli, p, strpbrk(text, ":+") && !name ? &range : NULL);
}

static void part_close(struct part *p)
{
	paclient_close(p->pa);
}

/* All that can be moved between @fd and @memory. Return: 0, a negative errno; *ret_n is less than @n at the end of standard input. */
typedef int mover(int fd, char *memory, size_t n, size_t *ret_n);

static int move_out(int fd, char *memory, size_t n, size_t *ret_n)
{
	for (*ret_n = 0; *ret_n < n;) {
		ssize_t put = write(fd, memory + *ret_n, n - *ret_n);

		if (put >= 0)
			*ret_n += (size_t)put;
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

static int move_in(int fd, char *memory, size_t n, size_t *ret_n)
{
	for (*ret_n = 0; *ret_n < n;) {
		ssize_t got = read(fd, memory + *ret_n, n - *ret_n);

		if (got == 0)
			break;
		if (got > 0)
			*ret_n += (size_t)got;
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

/* The kernel copies: where no memory can be put behind a page it says EFAULT, and nobody gets a SIGBUS. */
static int moved(const struct cli *cli, int err)
{
	if (err == -EFAULT)
		return system_error(cli, "there is no memory to put behind the pages");
	return err ? system_error(cli, "%s: %s", cli->verb->name, strerror(-err)) : 0;
}

/* Return: 0 or an exit code, already told; p->done says how far it went. */
static int part_move(const struct cli *cli, struct part *p, int fd, unsigned flags, mover *move)
{
	uint64_t page = p->region.page_size_bytes,
		 step = PIECE_BYTES / page + !(PIECE_BYTES / page);
	struct paclient_call call;
	size_t want, got;
	int err = 0;

	do {
		uint64_t left = p->bytes - p->done, npages = left / page + (left % page != 0);
		void *memory;

		npages = npages < step ? npages : step;
		want = (size_t)(left < npages * page ? left : npages * page);
		call_init(cli, &call);
		if (paclient_map(p->pa, p->region.id, p->extent.addr + p->done, npages, flags,
				 &memory, &call))
			return call_error(cli, &call.error);
		err = move(fd, memory, want, &got);
		p->done += got;
		if (paclient_unmap(p->pa, p->region.id, memory, npages, &call) && !err)
			return call_error(cli, &call.error);
	} while (!err && got == want && p->done < p->bytes);
	return moved(cli, err);
}

int cmd_read(struct cli *cli)
{
	CLEANUP(part_close) struct part p = {0};
	int err;

	if (isatty(STDOUT_FILENO))
		return usage_error(cli, "standard output is a terminal: write to a file or a pipe");
	err = part_open(cli, &p);
	return err ? err : part_move(cli, &p, STDOUT_FILENO, 0, move_out);
}

static int write_out(const struct cli *cli, const struct part *p)
{
	char text[SIZE_TEXT_BYTES];

	if (cli->json)
		return json_out(cli,
				json_pack("{s:s, s:o, s:o}", "region", p->region.name, "addr",
					  json_addr(p->extent.addr), "bytes", json_count(p->done)));
	printf("0x%" PRIx64 ": %" PRIu64 " bytes written (%s)\n", p->extent.addr, p->done,
	       size_text(p->done, text));
	return out_end(cli);
}

int cmd_write(struct cli *cli)
{
	CLEANUP(part_close) struct part p = {0};
	int err = part_open(cli, &p);
	size_t more = 0;
	char c;

	if (!err)
		err = part_move(cli, &p, STDIN_FILENO, PACLIENT_WRITE, move_in);
	if (!err && p.done == p.bytes)
		err = moved(cli, move_in(STDIN_FILENO, &c, 1, &more));
	if (err)
		return err;
	if (more)
		return usage_error(cli,
				   "standard input has more than the %" PRIu64
				   " bytes that there is room for; these are written",
				   p.bytes);
	return write_out(cli, &p);
}
