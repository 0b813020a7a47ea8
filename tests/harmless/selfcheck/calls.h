// Threads of C's own that sit in system calls of every kind and look at what these return. No signal comes to them, so but for a
// tracer nothing can disturb them.
#ifndef CALLS_H
#define CALLS_H

enum { CALLS_MAX = 48 };

struct call {
	const char *name;
	unsigned long rounds; // how often it has returned as it should
	unsigned long interrupted; // with EINTR, where signal(7) says that being stopped may do that
	int endless; // is never to return
};
extern struct call calls[CALLS_MAX];
extern int call_count;
extern char call_error[256]; // what went wrong first; empty: nothing

// forks: also by vfork(); userfaultfd: has one of its own; filter: one thread is under a filter that kills
void calls_start(int forks, int userfaultfd, int filter);

#endif
