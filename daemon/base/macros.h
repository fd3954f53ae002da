/*
 * macros - attributes and small helpers that every layer uses
 *
 * Role:       names for compiler attributes; ownership by cleanup attribute.
 * Uses:       nothing.
 */
#ifndef PALLOCD_BASE_MACROS_H
#define PALLOCD_BASE_MACROS_H

#include <stddef.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/** CLEANUP() - call @fn with the variable's address when it goes out of scope. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

/** take_ptr() - hand a pointer over: its value, and NULL stays behind. */
#define take_ptr(p)                            \
	({                                     \
		__typeof__(p) *take_ = &(p);   \
		__typeof__(p) taken_ = *take_; \
		*take_ = NULL;                 \
		taken_;                        \
	})

#endif
