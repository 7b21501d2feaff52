/* SPDX-License-Identifier: Apache-2.0 */
/* io_uring by hand: one request, submitted and waited for. */
#ifndef URING_H
#define URING_H

#include "truth.h"
#include <linux/io_uring.h>
#include <sys/mman.h>

/* The result of the request; `async` has a worker do it. */
static inline int uring(int opcode, int fd, const void *address, unsigned long long offset, int async)
{
	struct io_uring_params p = {};
	int ring = syscall(__NR_io_uring_setup, 2, &p);
	struct io_uring_sqe *sqe;
	char *submissions, *completions;

	if (ring < 0)
		skip("this kernel refuses io_uring");
	submissions = mmap(NULL, p.sq_off.array + p.sq_entries * 4, PROT_READ | PROT_WRITE, MAP_SHARED, ring,
			   IORING_OFF_SQ_RING);
	completions = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), PROT_READ | PROT_WRITE,
			   MAP_SHARED, ring, IORING_OFF_CQ_RING);
	sqe = mmap(NULL, p.sq_entries * sizeof(*sqe), PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
	sqe->opcode = opcode;
	sqe->fd = fd;
	sqe->addr = (unsigned long)address;
	sqe->off = offset;
	sqe->flags = async ? IOSQE_ASYNC : 0;
	*(unsigned *)(submissions + p.sq_off.array) = 0;
	__atomic_store_n((unsigned *)(submissions + p.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(__NR_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		die("io_uring_enter");
	return ((struct io_uring_cqe *)(completions + p.cq_off.cqes))->res;
}

#endif
