/* SPDX-License-Identifier: Apache-2.0 */
/* Asks by a packet socket: the frame is made by hand, and no socket of the network's stack sends it. */
#include "dns.h"
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>

static unsigned short checksum(const void *header, size_t length)
{
	const unsigned short *words = header;
	unsigned sum = 0;

	for (size_t i = 0; i < length / 2; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return ~(sum + (sum >> 16));
}

int main(void)
{
	struct { struct iphdr ip; struct udphdr udp; unsigned char message[512]; } __attribute__((packed)) packet = {};
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE_IP), .sll_halen = ETH_ALEN };
	struct exchange x;
	size_t length;
	int fd;

	start_resolver();
	/* Otherwise an address of loopback that comes from outside is thrown away; a stranger would use one of his own. */
	sysctl("ipv4/conf/lo/route_localnet", "1");
	sysctl("ipv4/conf/lo/accept_local", "1");
	fd = MUST(socket(AF_PACKET, SOCK_DGRAM, htons(ETHERTYPE_IP)));
	to.sll_ifindex = MUST(if_nametoindex("lo"));
	x = ask(fd, 43);
	length = build_query(packet.message, x.id, 0);
	packet.udp = (struct udphdr){ .source = htons(4343), .dest = htons(53), .len = htons(sizeof(packet.udp) + length) };
	packet.ip = (struct iphdr){ .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP };
	packet.ip.tot_len = htons(sizeof(packet.ip) + sizeof(packet.udp) + length);
	packet.ip.saddr = packet.ip.daddr = htonl(INADDR_LOOPBACK);
	packet.ip.check = checksum(&packet.ip, sizeof(packet.ip));
	MUST(sendto(fd, &packet, ntohs(packet.ip.tot_len), 0, (void *)&to, sizeof(to)));
	x.asked_after = boot_ns();
	/* It came, or we wait here for ever. */
	answer_udp(&x, ADDRESSES);
	say(&x);
	return 0;
}
