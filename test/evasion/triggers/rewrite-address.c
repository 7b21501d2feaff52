/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second thread rewrites the address while connect(2) takes it: rewrite-address COUNT. A line for each connection that
 * went elsewhere than the memory said before or after the call, until there are COUNT.
 */
#include "net.h"
#include <pthread.h>

/* With one CPU the threads would hardly ever meet. */
#define MOST 20000

static const char *const hosts[2] = { "127.0.0.1", "127.0.0.2" };
static volatile union address shown;
static volatile int done;

static void *rewrite(void *unused)
{
	unsigned addresses[2] = { htonl(INADDR_LOOPBACK), htonl(INADDR_LOOPBACK + 1) };

	for (unsigned i = 0; !done; i++)
		shown.v4.sin_addr.s_addr = addresses[i & 1];
	return unused;
}

int main(int argc, char **argv)
{
	int wanted = argc > 1 ? atoi(argv[1]) : 1, listeners[2], port;
	union address second;
	pthread_t thread;

	private_network(1);
	listeners[0] = bound(hosts[0], SOCK_STREAM, 0, 4);
	port = port_of(listeners[0]);
	second = address_of(hosts[1], port);
	listeners[1] = MUST(socket(AF_INET, SOCK_STREAM, 0));
	MUST(bind(listeners[1], &second.any, sizeof(second.v4)));
	MUST(listen(listeners[1], 4));
	shown = address_of(hosts[0], port);
	pthread_create(&thread, NULL, rewrite, NULL);
	for (int i = 0; i < MOST && wanted > 0; i++) {
		struct attempt a = { .fd = MUST(socket(AF_INET, SOCK_STREAM, 0)), .before = boot_ns() };
		socklen_t size = sizeof(a.to);
		unsigned before = shown.v4.sin_addr.s_addr, after;
		union address local;

		MUST(connect(a.fd, (struct sockaddr *)&shown, sizeof(shown.v4)));
		after = shown.v4.sin_addr.s_addr;
		a.after = boot_ns();
		MUST(getpeername(a.fd, &a.to.any, &size));
		close(MUST(accept(listeners[a.to.v4.sin_addr.s_addr != htonl(INADDR_LOOPBACK)], NULL, NULL)));
		if (a.to.v4.sin_addr.s_addr != before || a.to.v4.sin_addr.s_addr != after) {
			local = local_of(a.fd);
			say_attempt(&a, &local);
			wanted--;
		}
		close(a.fd);
	}
	done = 1;
	pthread_join(thread, NULL);
	return 0;
}
