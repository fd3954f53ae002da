/*
 * region_name - what extents are called, and finding one
 *
 * Role:       see region.h. All memory is taken before anything is changed.
 * Uses:       base/, region/
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "region/region.h"
#include "region/region_private.h"
#include "region/session.h"

void note_deinit(struct note *n)
{
	mem_free(n->name);
	label_drop(n->label);
}

static int name_copy(const char *name, char **ret_name)
{
	size_t size = strlen(name) + 1;
	char *copy = mem_alloc(size);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, name, size);
	*ret_name = copy;
	return 0;
}

int note_make(struct region *r, const char *name, const char *label, uint32_t n_extents,
	      struct note *ret_note)
{
	CLEANUP(note_deinit) struct note n = {.set_name = name, .set_label = label};
	int err = 0;

	if (name && *name)
		err = name_copy(name, &n.name);
	if (!err && n.name)
		err = extras_reserve_name(r->extras);
	if (!err && label && *label) {
		n.label = label_new(label);
		err = n.label ? 0 : -ENOMEM;
	}
	if (!err && (n.name || n.label))
		err = extras_reserve(r->extras, n_extents);
	if (err)
		return err;
	*ret_note = n;
	n = (struct note){0};
	return 0;
}

void note_put(struct region *r, uint32_t i, struct note *n)
{
	struct extent *e = extents_get(&r->extents, i);

	if (e->extra == EXTRA_NONE) {
		if (!n->name && !n->label)
			return;
		e->extra = extras_add(r->extras, i);
	}
	extent_changed(r, i);
	if (n->set_name)
		extras_set_name(r->extras, e->extra, take_ptr(n->name));
	if (n->set_label)
		extras_set_label(r->extras, e->extra, take_ptr(n->label));
	extra_trim(r, i);
}

int note_check(const struct region *r, uint32_t i, const char *name, struct region_refusal *refusal)
{
	uint32_t x = name && *name ? extras_find(r->extras, name) : EXTRA_NONE, other;

	if (x == EXTRA_NONE)
		return 0;
	other = extras_get(r->extras, x)->extent;
	if (other == i)
		return 0;
	refusal->addr = region_addr(r, extents_get(&r->extents, other)->first);
	return REGION_E_NAME_TAKEN;
}

int region_alloc_named(struct region *r, struct owner *o, uint64_t npages, const char *name,
		       const char *label, const struct region_placement *p, uint64_t *ret_addr,
		       uint64_t *ret_scavenged, struct region_refusal *ret_refusal)
{
	CLEANUP(note_deinit) struct note n = {0};
	uint64_t addr;
	int err;

	if (r->faulted)
		return REGION_E_FAULTED;
	err = note_check(r, EXTENT_NONE, name, ret_refusal);
	if (!err)
		err = note_make(r, name, label, 1, &n);
	if (!err)
		err = region_alloc(r, o, &npages, 1, p, &addr, ret_scavenged, ret_refusal);
	if (err)
		return err;
	note_put(r, extents_at(&r->extents, region_page(r, addr)), &n);
	*ret_addr = addr;
	return 0;
}

int region_annotate(struct region *r, const struct session *s, uint64_t addr, const char *name,
		    const char *label, struct region_refusal *ret_refusal)
{
	CLEANUP(note_deinit) struct note n = {0};
	uint32_t i;
	int err = extent_find(r, s, addr, false, &i, ret_refusal);

	if (!err)
		err = note_check(r, i, name, ret_refusal);
	if (!err)
		err = note_make(r, name, label, 1, &n);
	if (err)
		return err;
	note_put(r, i, &n);
	return 0;
}

void view_fill(const struct region *r, uint32_t i, struct region_view *ret)
{
	const struct extent *e = extents_get(&r->extents, i);
	const struct holding *h = holding_of(r, i);
	const struct extra *x = extra_of(r, i);

	*ret = (struct region_view){
		.addr = region_addr(r, e->first),
		.npages = e->npages,
		.owner = h->owner,
		.uid = UINT32_MAX, /* of nobody, where it is lost */
		.name = x && x->name ? x->name : "",
		.label = x && x->label ? x->label->text : "",
		.nholders = 1 + (x ? x->nshares : 0),
		.quarantined = h->quarantine_until_usec != 0,
	};
	if (!h->owner)
		return;
	ret->uid = h->owner->uid;
	if (!h->owner->detached)
		ret->session = CONTAINER_OF(h->owner, struct session, owner)->id;
}

uint32_t extent_at_addr(const struct region *r, uint64_t addr)
{
	if (addr < r->base_addr || (addr - r->base_addr) & (region_page_size(r) - 1) ||
	    region_page(r, addr) >= r->limit_npages)
		return EXTENT_NONE;
	return extents_at(&r->extents, region_page(r, addr));
}

int region_lookup(const struct region *r, const char *name, struct region_view *ret)
{
	uint32_t x = extras_find(r->extras, name);

	if (x == EXTRA_NONE)
		return REGION_E_NOT_FOUND;
	view_fill(r, extras_get(r->extras, x)->extent, ret);
	return 0;
}

int region_view(const struct region *r, uint64_t addr, struct region_view *ret)
{
	uint32_t i = extent_at_addr(r, addr);

	if (i == EXTENT_NONE)
		return REGION_E_NOT_FOUND;
	view_fill(r, i, ret);
	return 0;
}

uint32_t region_nnamed(const struct region *r)
{
	return r->extras->nnamed;
}
