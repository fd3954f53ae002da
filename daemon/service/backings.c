/*
 * backings - what stands behind the regions' addresses is opened
 *
 * Role:       see backings.h.
 * Uses:       base/, backing/
 */
#include "service/backings.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/size.h"

/* Names the path twice at the most, and the folder. */
#define WHY_BYTES (3 * PATH_MAX + 512)

static void backing_closep(struct backing **b)
{
	backing_close(*b);
}

int backings_refuse(const struct config_region *r, const char *why)
{
	struct config_place place;

	config_place(r->where, &place);
	config_note(r->where, "region %s is left out: %s", r->config.name, why);
	log_event(LOG_LEVEL_ERROR, LOG_ID_REGION_LEFT_OUT,
		  LOG_FIELDS(ABOUT_REGION(r->config.name), ABOUT_FILE(place.file),
			     ABOUT_LINE(place.line)),
		  "%s", config_complaint());
	return BACKINGS_E_REFUSED;
}

static int file_note(struct backings *all, const struct config_region *r, const struct stat *st)
{
	const bool device = S_ISCHR(st->st_mode);
	/* A device may have several nodes in file systems. */
	const struct backings_file f = {device ? st->st_rdev : st->st_dev, device ? 0 : st->st_ino,
					r->config.name};
	struct backings_file *files;
	char why[256];

	for (size_t i = 0; i < all->nfiles; i++) {
		if (all->files[i].device != f.device || all->files[i].inode != f.inode)
			continue;
		snprintf(why, sizeof(why),
			 "its file is that of region %s, so that both would hand out the same "
			 "bytes: give it one of its own",
			 all->files[i].region);
		return backings_refuse(r, why);
	}
	files = mem_resize(all->files, all->nfiles + 1, sizeof(*files));
	if (!files)
		return -ENOMEM;
	all->files = files;
	files[all->nfiles++] = f;
	return 0;
}

int backings_note(struct backings *all, const struct config_region *r, const struct backing *b)
{
	struct stat st;

	if (!b || backing_info(b)->kind != BACKING_FILE || fstat(backing_fd(b, true), &st))
		return 0;
	return file_note(all, r, &st);
}

/* What the descriptor's owner cannot help: a file has a name, and whoever may open it needs no descriptor from us. */
static int file_look(struct backings *all, const struct config_region *r, const struct backing *b)
{
	struct stat st;

	if (fstat(backing_fd(b, true), &st))
		return backings_refuse(r, strerror(errno));
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		log_event(LOG_LEVEL_WARNING, LOG_ID_FILE_OPEN_TO_OTHERS,
			  LOG_FIELDS(ABOUT_REGION(r->config.name)),
			  "%s: region %s: %s may be written by others than its owner (mode "
			  "%04o), whatever Allow= says about attach-rw: chmod 600 it",
			  r->where, r->config.name, r->backing.path, st.st_mode & 07777u);
	return file_note(all, r, &st);
}

static void tell(const struct config_region *r, const struct backing *b)
{
	const struct backing_info *info = backing_info(b);
	char bytes[SIZE_TEXT_BYTES], unit[SIZE_TEXT_BYTES];
	bool file = info->kind == BACKING_FILE;

	log_event(LOG_LEVEL_INFO, LOG_ID_NONE, LOG_FIELDS(ABOUT_REGION(r->config.name)),
		  "region %s: %s of %s, memory in units of %s%s%s", r->config.name,
		  file ? r->backing.path : backing_kind_name(info->kind),
		  size_format(info->bytes, bytes), size_format(info->page_bytes, unit),
		  info->releases ? "" : ", which is never given back",
		  info->sealed || info->kind != BACKING_FILE
			  ? ""
			  : "; not sealed: who may write it may shorten it");
}

/* What one open()s or was given. */
static int open_or_adopt(const struct config_region *r, int fd, struct backing **ret_backing,
			 char *why)
{
	const struct region_config *c = &r->config;
	size_t n;
	int err;

	if (fd < 0)
		return backing_open(&r->backing, c->name, c->limit_bytes, c->page_size_bytes,
				    ret_backing, why, WHY_BYTES);
	err = backing_adopt(&r->backing, c->limit_bytes, c->page_size_bytes, fd, ret_backing, why,
			    WHY_BYTES);
	if (err > 0) {
		n = strlen(why);
		snprintf(why + n, WHY_BYTES - n,
			 ". Set that again, or stop the service, which drops its memory and all "
			 "that is held in it, and start it");
	}
	return err;
}

int backings_open(struct backings *all, const struct config_region *r, int fd,
		  struct backing **ret_backing)
{
	CLEANUP(backing_closep) struct backing *b = NULL;
	CLEANUP(mem_freep) char *why = NULL;
	int err;

	*ret_backing = NULL;
	if (r->backing.kind == BACKING_NONE && fd < 0)
		return 0;
	why = mem_zalloc(1, WHY_BYTES);
	if (!why)
		return -ENOMEM;
	err = open_or_adopt(r, fd, &b, why);
	if (err > 0)
		return backings_refuse(r, why);
	if (!err && r->backing.kind == BACKING_FILE)
		err = file_look(all, r, b);
	if (err)
		return err;
	tell(r, b);
	*ret_backing = take_ptr(b);
	return 0;
}

void backings_deinit(struct backings *all)
{
	mem_free(all->files);
	*all = (struct backings){0};
}
