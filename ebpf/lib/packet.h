/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The headers of a packet at a socket's cgroup, IPv4 and IPv6: whose ports, and where the payload begins. What lies in
 * pages beside the linear part is read too (bpf_skb_load_bytes).
 */
#ifndef AGENTSMITH_PACKET_H
#define AGENTSMITH_PACKET_H

#include "kernel.h"

#define EXTENSIONS_MAX 6        /* IPv6 extension headers; RFC 8200 knows no more kinds */
#define HEADERS_MAX 16384       /* more than the longest of them together: an offset without a bound is refused */

struct packet {
	u32 payload;                /* from the IP header on */
	u32 size;
	u32 tcp_sequence;           /* TCP; of UDP the size of each datagram where there are several, else 0 */
	u32 saddr, daddr;           /* of IPv4 */
	u16 sport;
	u16 dport;
	u16 id;                     /* of the message, UDP only */
	u8 is_answer;               /* its QR bit, UDP only */
	u8 version;
	u8 protocol;
};

/*
 * Up to the ports: what is neither UDP nor TCP, and later fragments, end here. `payload` is the transport header. This
 * and the others that are not inlined are verified once, and not with all that follows for each way through them: that
 * made 165 k instructions of 9 k.
 */
__noinline int packet__ports(struct __sk_buff *skb, struct packet *p)
{
	u8 *ip = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	u16 ports[2];
	u32 at;

	if (!p || ip + 28 > end)
		return false;
	p->version = ip[0] >> 4;
	if (p->version == 4) {
		p->protocol = ip[9];
		at = (ip[0] & 15) * 4;
		if ((ip[6] & 0x1f) || ip[7])
			return false;
		p->saddr = *(u32 *)(ip + 12);
		p->daddr = *(u32 *)(ip + 16);
	} else {
		p->protocol = ip[6];
		at = 40;
		/* Hop-by-hop, routing and destination options: any program can put them before its query. */
		for (int i = 0; i < EXTENSIONS_MAX; i++) {
			u8 extension[2];

			if (p->protocol != 0 && p->protocol != 43 && p->protocol != 60)
				break;
			if (bpf_skb_load_bytes(skb, at, extension, 2))
				return false;
			p->protocol = extension[0];
			at += (extension[1] + 1) * 8;
		}
	}
	if (p->protocol != IPPROTO_UDP && p->protocol != IPPROTO_TCP)
		return false;
	p->payload = at;
	if (ip + at + sizeof(ports) <= end)
		*(u32 *)ports = *(u32 *)(ip + at);
	else if (bpf_skb_load_bytes(skb, at, ports, sizeof(ports)))
		return false;
	p->sport = bpf_ntohs(ports[0]);
	p->dport = bpf_ntohs(ports[1]);
	return true;
}

/* The rest; false when there is no payload. */
__noinline int packet__payload(struct __sk_buff *skb, struct packet *p)
{
	u8 start[3] = {};

	if (!p)
		return false;
	if (p->protocol == IPPROTO_TCP) {
		u8 tcp[14];

		if (bpf_skb_load_bytes(skb, p->payload, tcp, sizeof(tcp)))
			return false;
		p->tcp_sequence = (u32)tcp[4] << 24 | tcp[5] << 16 | tcp[6] << 8 | tcp[7];
		/* A SYN takes a number; with fast open it brings data. */
		if (tcp[13] & 2)
			p->tcp_sequence++;
		p->payload += (tcp[12] >> 4) * 4;
	} else {
		p->payload += 8;
	}
	if (skb->len <= p->payload)
		return false;
	p->size = skb->len - p->payload;
	if (p->protocol == IPPROTO_UDP && p->size > skb->gso_size)
		p->tcp_sequence = skb->gso_size;
	if (p->protocol == IPPROTO_UDP && p->size >= sizeof(start)) {
		u8 *ip = (u8 *)(long)skb->data, *end = (u8 *)(long)skb->data_end;
		u32 at = p->payload;

		if (at < HEADERS_MAX && ip + at + sizeof(start) <= end)
			__builtin_memcpy(start, ip + at, sizeof(start));
		else
			bpf_skb_load_bytes(skb, p->payload, start, sizeof(start));
	}
	p->id = start[0] << 8 | start[1];
	p->is_answer = start[2] >> 7;
	return true;
}

#endif
