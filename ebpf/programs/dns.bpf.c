// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * dns.query, dns.answer: a program asked a resolver, and what it was told, over UDP and TCP.
 *
 * Hooks: cgroup_skb/egress and ingress on the root: every packet to and from a socket, whatever call sends or reads it
 * (sendmmsg, writev, splice, io_uring), also when it is never read. Who asked is kept with the socket: UDP leaves in
 * the context of its sender, answers come in softirq. A TCP segment may leave there too; only while the socket is
 * locked by a task is that one the sender. Hooks on recv* miss readv, the second message of recvmmsg and io_uring.
 * TCP is handed over in segments, because a message can begin and end anywhere in them, and so is a packet of several
 * datagrams (UDP_SEGMENT, UDP_GRO); src/decode/dns-streams.ts finds the messages.
 * Kernels: 5.11 (the current task in cgroup programs). Escapes: AF_PACKET; encrypted DNS (DoT, DoH, DoQ); other ports
 * than `dns_ports`; answers to what was asked before the agent ran.
 */
#include "../lib/call-fd.h"
#include "../lib/packet.h"
#include "../lib/sock.h"

#define UDP_MAX 1024            /* captured of a message; EDNS answers are larger only with many records */
#define SEGMENT_MAX 4096        /* captured of a TCP segment: on loopback one has up to 64 KiB */

const volatile u16 dns_ports[8] = { 53 };                    /* 0 = free */
static const u8 zeros[SEGMENT_MAX];

/* A query that waits for its answer. */
struct dns_asked {
	u64 time;
	char comm[16];
	u32 tid;
	u32 fd;
	u16 id;
	u16 asker;
	u32 flags;                  /* DNS_FD_KNOWN */
	u8 query_admission;         /* enum admission */
	u8 answer_admission;
	u16 unused[3];
};

/*
 * Who asked by this socket: the last two processes, so that parent and child do not get each other's answers, and the
 * last eight queries (glibc has two at a time). Freed with the socket.
 */
#define ASKERS 2
#define ASKED 8
struct dns_socket {
	struct who askers[ASKERS];
	struct dns_asked asked[ASKED];
	u32 last;                   /* counts queries */
	u32 asker;                  /* of the last one */
	u64 cookie;                 /* of the socket */
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct dns_socket);
} dns_sockets SEC(".maps");

static __always_inline bool is_dns_port(u16 port)
{
	for (int i = 0; i < 8; i++) {
		if (!dns_ports[i])
			return false;
		if (dns_ports[i] == port)
			return true;
	}
	return false;
}

#define CAPTURE(room)                                                                                                  \
	do {                                                                                                           \
		struct {                                                                                               \
			struct dns_message record;                                                                     \
			u8 bytes[room];                                                                                \
		} *whole = bpf_ringbuf_reserve(&ring, sizeof(*whole), 0);                                              \
                                                                                                                       \
		if (whole) {                                                                                           \
			/* What is not filled must not show an earlier record. */                                      \
			if (room > 128)                                                                                \
				bpf_probe_read_kernel(whole->bytes, room, zeros);                                      \
			else                                                                                           \
				__builtin_memset(whole->bytes, 0, 128);                                                \
			bpf_skb_load_bytes(skb, p->payload, whole->bytes, MASK(length - 1, room - 1) + 1);             \
			size = sizeof(*whole);                                                                         \
			e = &whole->record;                                                                            \
		}                                                                                                      \
	} while (0)

/* `sk` is given where the resolver is the one that the socket is connected to, not the one in the packet (DNAT). */
static __always_inline void dns_report(enum program program, struct __sk_buff *skb, struct packet *p, struct bpf_sock *sk,
				       enum event_type type, u64 now, struct who *who, struct dns_asked *asked, u64 took,
				       u32 flags, u64 cookie)
{
	u32 key = type, length = p->size, size = 0, answer = flags & DNS_ANSWER;
	struct counters *c = bpf_map_lookup_elem(&counts, &key);
	struct dns_message *e = NULL;
	u64 waiting, sequence = 0;

	if (!c || !attempt(type, who->pid) || !admit(answer ? asked->answer_admission : asked->query_admission, type))
		return;
	if (type != EVENT_DNS_SEGMENT)
		sequence = next_sequence();
	waiting = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
	if (waiting > ring_bytes - ring_bytes / 8) {
		COUNT(c->reserved);
		return;
	}
	/* Reserved and not built in scratch: ingress runs in softirq. A size must be a constant, so there are a few. */
	if (length <= 128) {
		CAPTURE(128);
	} else if (length <= 512) {
		CAPTURE(512);
	} else if (type != EVENT_DNS_SEGMENT || length <= UDP_MAX) {
		if (length > UDP_MAX)
			length = UDP_MAX;
		CAPTURE(UDP_MAX);
	} else {
		if (length > SEGMENT_MAX)
			length = SEGMENT_MAX;
		CAPTURE(SEGMENT_MAX);
	}
	if (!e) {
		COUNT(c->ring_full);
		return;
	}
	header__fill(&e->header, type, program, size);
	e->header.time = now;
	e->header.sequence = sequence;
	e->header.tid = asked->tid;
	__builtin_memcpy(e->header.comm, asked->comm, sizeof(e->header.comm));
	__builtin_memcpy(&e->who, who, sizeof(e->who));
	e->cookie = cookie;
	e->took = took;
	__builtin_memset(e->saddr, 0, sizeof(e->saddr) + sizeof(e->daddr));
	if (p->version == 4) {
		*(u32 *)e->saddr = answer ? p->daddr : p->saddr;
		*(u32 *)e->daddr = answer ? p->saddr : p->daddr;
	} else {
		bpf_skb_load_bytes(skb, answer ? 24 : 8, e->saddr, 16);
		bpf_skb_load_bytes(skb, answer ? 8 : 24, e->daddr, 16);
	}
	e->sport = answer ? p->dport : p->sport;
	e->dport = answer ? p->sport : p->dport;
	if (sk) {
		e->dport = bpf_ntohs(sk->dst_port);
		if (p->version == 4) {
			*(u32 *)e->daddr = sk->dst_ip4;
		} else {
			((u32 *)e->daddr)[0] = sk->dst_ip6[0];
			((u32 *)e->daddr)[1] = sk->dst_ip6[1];
			((u32 *)e->daddr)[2] = sk->dst_ip6[2];
			((u32 *)e->daddr)[3] = sk->dst_ip6[3];
		}
	}
	e->family = p->version == 4 ? AF_INET : AF_INET6;
	e->protocol = p->protocol;
	e->fd = asked->fd;
	e->flags = flags | asked->flags;
	e->size = p->size;
	e->tcp_sequence = p->tcp_sequence;
	e->message.offset = sizeof(*e);
	e->message.length = length;
	e->unused = 0;
	bpf_ringbuf_submit(e, wake_flags(waiting, type));
	COUNT(c->submitted);
}

static __always_inline u8 dns_admission(enum event_type type, u64 now)
{
	return admission_of(filters ? filter__actor(type, bpf_get_current_task_btf()) : DECISION_OPEN, type, now);
}

/* Enters the current task as the one who asks now. */
__noinline int dns_ask(struct dns_socket *s, u16 id, u64 now)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct dns_asked *asked;
	u32 asker;
	int fd;

	if (!s)
		return 0;
	asked = &s->asked[MASK(++s->last, ASKED - 1)];
	asker = s->asker & (ASKERS - 1);
	if (s->askers[asker].pid && (s->askers[asker].pid != task->tgid ||
				     s->askers[asker].start != task->group_leader->start_boottime))
		asker ^= 1;
	s->asker = asker;
	who__current(&s->askers[MASK(asker, ASKERS - 1)], task);
	asked->time = now;
	comm__copy(asked->comm, task);
	asked->tid = task->pid;
	fd = send_fd();
	asked->fd = fd;
	asked->flags = fd >= 0 ? DNS_FD_KNOWN : 0;
	asked->id = id;
	asked->asker = asker;
	asked->query_admission = dns_admission(EVENT_DNS_QUERY, now);
	asked->answer_admission = dns_admission(EVENT_DNS_ANSWER, now);
	if (asked->query_admission == RATE_LIMITED && asked->answer_admission == ADMITTED)
		asked->answer_admission = RATE_LIMITED;
	return 0;
}

/* The other datagrams of the packet: what is remembered of them is that they were sent with the first. */
__noinline int dns_ask_more(struct __sk_buff *skb, struct packet *p, struct dns_socket *s)
{
	struct dns_asked *first;

	if (!p || !s)
		return 0;
	first = &s->asked[MASK(s->last, ASKED - 1)];
	for (u32 i = 1; i < ASKED; i++) {
		struct dns_asked *asked;
		u8 id[2];

		if (i * p->tcp_sequence >= p->size || bpf_skb_load_bytes(skb, p->payload + i * p->tcp_sequence, id, 2))
			return 0;
		asked = &s->asked[MASK(++s->last, ASKED - 1)];
		__builtin_memcpy(asked, first, sizeof(*asked));
		asked->id = id[0] << 8 | id[1];
	}
	return 0;
}

SEC("cgroup_skb/egress")
int dns_egress(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk, *nat = NULL;
	struct packet p = {};
	struct dns_asked *asked;
	struct dns_socket *s;
	struct who *who;
	bool tcp, pieces, has_payload, is_sender = true;
	u64 now;
	u32 flags;

	if (!sk || !packet__ports(skb, &p))
		return 1;
	if (!is_dns_port(p.dport)) {
		/* Address translation may have changed it, as it does before Docker's resolver. */
		if (!is_dns_port(bpf_ntohs(sk->dst_port)))
			return 1;
		nat = sk;
	}
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return 1;
	if (nat)
		nat = sk;
	tcp = p.protocol == IPPROTO_TCP;
	has_payload = packet__payload(skb, &p);
	pieces = tcp || p.tcp_sequence;
	if (!tcp && !has_payload)
		return 1;
	/* A resolver that answers a client with a resolver's port. */
	if (p.is_answer && is_dns_port(p.sport))
		return 1;
	TIMED(pieces ? EVENT_DNS_SEGMENT : EVENT_DNS_QUERY);
	s = bpf_sk_storage_get(&dns_sockets, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!s) {
		lose(pieces ? EVENT_DNS_SEGMENT : EVENT_DNS_QUERY, bpf_get_current_task_btf()->tgid);
		return 1;
	}
	if (!s->cookie)
		s->cookie = bpf_get_socket_cookie(skb);
	now = bpf_ktime_get_boot_ns();
	if (tcp) {
		struct sock *locked = (struct sock *)bpf_skc_to_tcp_sock(sk);

		is_sender = locked && locked->sk_lock.owned && (has_payload || !s->last);
	}
	if (is_sender) {
		introduce_current(bpf_get_current_task_btf());
		dns_ask(s, p.id, now);
		asked = &s->asked[MASK(s->last, ASKED - 1)];
		if (!tcp && p.tcp_sequence)
			dns_ask_more(skb, &p, s);
	} else {
		asked = &s->asked[MASK(s->last, ASKED - 1)];
	}
	if (!has_payload || !s->last)
		return 1;
	who = &s->askers[MASK(asked->asker, ASKERS - 1)];
	flags = p.version == 4 && sk->family == AF_INET6 ? DNS_MAPPED : 0;
	if (pieces || is_enabled(EVENT_DNS_QUERY))
		dns_report(PROGRAM_dns_egress, skb, &p, nat, pieces ? EVENT_DNS_SEGMENT : EVENT_DNS_QUERY, now, who, asked, 0, flags,
			   s->cookie);
	return 1;
}

SEC("cgroup_skb/ingress")
int dns_ingress(struct __sk_buff *skb)
{
	u32 flags = DNS_ANSWER;
	struct bpf_sock *sk;
	struct packet p = {};
	struct dns_asked *asked;
	struct dns_socket *s;
	u64 now, took = 0;
	bool tcp, pieces;

	if (!packet__ports(skb, &p) || !is_dns_port(p.sport))
		return 1;
	sk = skb->sk;
	if (!sk)
		return 1;
	sk = bpf_sk_fullsock(sk);
	if (!sk || !packet__payload(skb, &p))
		return 1;
	tcp = p.protocol == IPPROTO_TCP;
	pieces = tcp || p.tcp_sequence;
	/* A resolver that is asked by a client with a resolver's port. */
	if (!tcp && !p.is_answer && is_dns_port(p.dport))
		return 1;
	s = bpf_sk_storage_get(&dns_sockets, sk, NULL, 0);
	if (!s || !s->last)
		return 1;
	TIMED(pieces ? EVENT_DNS_SEGMENT : EVENT_DNS_ANSWER);
	now = bpf_ktime_get_boot_ns();
	asked = &s->asked[MASK(s->last, ASKED - 1)];
	if (!tcp) {
		/* The last query with this number. */
		for (u32 i = 0; i < ASKED; i++) {
			struct dns_asked *one = &s->asked[MASK(s->last - i, ASKED - 1)];

			if (!one->time || one->id != p.id)
				continue;
			asked = one;
			took = now - one->time;
			flags |= DNS_TOOK_KNOWN;
			break;
		}
	}
	if (p.version == 4 && sk->family == AF_INET6)
		flags |= DNS_MAPPED;
	if (pieces || is_enabled(EVENT_DNS_ANSWER))
		dns_report(PROGRAM_dns_ingress, skb, &p, NULL, pieces ? EVENT_DNS_SEGMENT : EVENT_DNS_ANSWER, now,
			   &s->askers[MASK(asked->asker, ASKERS - 1)], asked, took, flags, s->cookie);
	return 1;
}
