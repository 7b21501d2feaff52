/* SPDX-License-Identifier: Apache-2.0 */
/* io_uring without a library: one ring, one request at a time. */
#ifndef URING_H
#define URING_H

#include "truth.h"
#include <linux/io_uring.h>
#include <sys/mman.h>

struct ring {
	int fd;
	struct io_uring_params p;
	struct io_uring_sqe *entries;
	char *submissions;
	char *completions;
};

static inline unsigned *submission(struct ring *r, unsigned offset)
{
	return (unsigned *)(r->submissions + offset);
}

static inline struct ring ring_of(unsigned flags)
{
	struct ring r = { .p = { .flags = flags, .sq_thread_idle = 100 } };

	r.fd = syscall(__NR_io_uring_setup, 4, &r.p);
	if (r.fd < 0)
		skip("this kernel refuses io_uring");
	r.submissions = mmap(NULL, r.p.sq_off.array + r.p.sq_entries * 4, PROT_READ | PROT_WRITE, MAP_SHARED, r.fd,
			     IORING_OFF_SQ_RING);
	r.completions = mmap(NULL, r.p.cq_off.cqes + r.p.cq_entries * sizeof(struct io_uring_cqe), PROT_READ | PROT_WRITE,
			     MAP_SHARED, r.fd, IORING_OFF_CQ_RING);
	r.entries = mmap(NULL, r.p.sq_entries * sizeof(*r.entries), PROT_READ | PROT_WRITE, MAP_SHARED, r.fd,
			 IORING_OFF_SQES);
	return r;
}

static inline unsigned *completed(struct ring *r)
{
	return (unsigned *)(r->completions + r->p.cq_off.tail);
}

/* Submits and, unless it asks for none, waits for the result. The kernel's thread (SQPOLL) is woken for each. */
static inline int ring_do(struct ring *r, struct io_uring_sqe request)
{
	unsigned tail = *submission(r, r->p.sq_off.tail), at = tail & (r->p.sq_entries - 1);
	unsigned head = *(unsigned *)(r->completions + r->p.cq_off.head);
	int is_waited = !(request.flags & (1 << 6)), flags = is_waited ? IORING_ENTER_GETEVENTS : 0, result = 0;

	r->entries[at] = request;
	submission(r, r->p.sq_off.array)[at] = at;
	__atomic_store_n(submission(r, r->p.sq_off.tail), tail + 1, __ATOMIC_RELEASE);
	if (r->p.flags & IORING_SETUP_SQPOLL)
		flags |= IORING_ENTER_SQ_WAKEUP;
	if (syscall(__NR_io_uring_enter, r->fd, 1, is_waited, flags, NULL, 0) < 0)
		die("io_uring_enter");
	if (is_waited) {
		struct io_uring_cqe *all = (void *)(r->completions + r->p.cq_off.cqes);

		result = all[head & (r->p.cq_entries - 1)].res;
		__atomic_store_n((unsigned *)(r->completions + r->p.cq_off.head), head + 1, __ATOMIC_RELEASE);
	}
	if (result < 0) {
		errno = -result;
		/* An operation that this kernel does not know. */
		if (result == -EINVAL)
			skip("this kernel's io_uring cannot do it");
		return -1;
	}
	return result;
}

/* One request on a ring of its own: its result, 0 or -errno as the kernel gives it; `async` has a worker do it. */
static inline int uring(int opcode, int fd, const void *address, unsigned long long offset, int async)
{
	struct ring r = ring_of(0);
	int result = ring_do(&r, (struct io_uring_sqe){
		.opcode = opcode,
		.fd = fd,
		.addr = (unsigned long)address,
		.off = offset,
		.flags = async ? IOSQE_ASYNC : 0,
	});

	return result < 0 ? -errno : result;
}

#endif
