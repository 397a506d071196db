/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The HTTP request and the test in whose step a stall happened. User space finds out at which
 * functions a process handles requests, and where their locals lead to the route's template; the
 * kernel side reads it while the step still runs (bpf/python/request.h).
 */
#ifndef LOOPSTALL_REQUESTS_H
#define LOOPSTALL_REQUESTS_H

#include <linux/types.h>

#define LS_REQUEST_CODES 16
#define LS_REQUEST_NAMES 16
#define LS_REQUEST_NAME_BYTES 24 /* with the NUL */
#define LS_REQUEST_CHAIN 4
#define LS_REQUEST_LAST 3
#define LS_REQUEST_PREFIXES 2 /* of routers that are mounted in each other */
#define LS_TEST_PARTS 3 /* of LS_NAME_BYTES each */

/* What a frame of a function tells of the request. */
enum ls_request_role {
	LS_REQUEST_ROUTE, /* it is handled at this route */
	LS_REQUEST_PREFIX, /* the routes of the frames inside this one begin with this text */
	LS_REQUEST_PATH, /* no more than its path */
	LS_REQUEST_ROLE_MAX
};

/* Name of an attribute or a key of a dict. */
struct ls_request_name {
	__u64 words[LS_REQUEST_NAME_BYTES / 8]; /* ASCII, the rest is 0 */
	__u32 length;
	/* where it was found last: number of the entry, address of the str. A hint */
	__u32 index;
	__u64 known;
	/* instances of this class keep it at that offset (__slots__); 0: not known */
	__u64 slot_type;
	__u32 slot;
	__u32 pad;
};

/* A function. Names are numbers in the list of them; 0: none. */
struct ls_request_code {
	__u64 code;
	__u16 object; /* offset in the frame of the local that leads to the route; 0: none */
	__u16 request; /* the same of the request, or its ASGI scope */
	__u8 role; /* enum ls_request_role */
	__u8 is_scope; /* `request` is a dict */
	__u8 method, path, root_path; /* of the request */
	__u8 chain[LS_REQUEST_CHAIN]; /* attributes from the object on */
	__u8 last[LS_REQUEST_LAST]; /* the first of these that there is, is the text */
};

/* One process. All addresses are the process's own. */
struct ls_requests {
	__u32 n_codes, pad;
	__u64 environ_data; /* the dict behind os.environ if tests run here, else 0 */
	struct ls_request_code codes[LS_REQUEST_CODES];
	struct ls_request_name names[LS_REQUEST_NAMES];
};

/* How much is known of the request of a stall. Recordings hold these numbers. */
enum ls_request_state {
	LS_REQUEST_UNSEEN, /* nothing was looked at */
	LS_REQUEST_NONE, /* its stack has no function that handles a request */
	LS_REQUEST_KNOWN,
	LS_REQUEST_UNREADABLE, /* it has one, but neither method nor route could be read */
	LS_REQUEST_STATE_MAX
};

#endif
