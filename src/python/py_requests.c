/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a process handles HTTP requests: the code of the functions through which each request
 * passes, and how their locals lead to the template of its route. Sources: starlette/routing.py,
 * aiohttp/web_app.py, web_urldispatcher.py, django/core/handlers/base.py, django/urls/resolvers.py,
 * quart/app.py, uvicorn/middleware/proxy_headers.py, hypercorn/utils.py,
 * hypercorn/asyncio/task_group.py, _pytest/runner.py, Lib/os.py; checked on live services.
 */
#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "python/py_frames.h"
#include "python/py_memory.h"
#include "python/python.h"

/*
 * A function, in a class or not, and what its locals are. `object` leads to the route, through
 * attributes; `request` has the method and the path.
 */
struct recipe {
	const char *module, *class, *function;
	enum ls_request_role role;
	const char *object, *request;
	bool is_scope;
	const char *chain[LS_REQUEST_CHAIN], *last[LS_REQUEST_LAST];
	const char *method, *path, *root_path;
};

/* In ASGI the request is a dict. */
#define SCOPE .request = "scope", .is_scope = true, .method = "method", .path = "path"
#define ROUTER SCOPE, .root_path = "root_path"

static const struct recipe recipes[] = {
	{ "starlette.routing", "Route", "handle", LS_REQUEST_ROUTE, "self", ROUTER,
	  .last = { "path" } },
	{ "starlette.routing", "WebSocketRoute", "handle", LS_REQUEST_ROUTE, "self", ROUTER,
	  .last = { "path" } },
	{ "starlette.routing", "Mount", "handle", LS_REQUEST_PREFIX, "self", SCOPE,
	  .last = { "path" } },
	{ "aiohttp.web_app", "Application", "_handle", LS_REQUEST_ROUTE, "request", "request",
	  .chain = { "_match_info", "_route", "_resource" },
	  .last = { "_formatter", "_path", "_prefix" }, .method = "_method" },
	{ "django.core.handlers.base", "BaseHandler", "_get_response_async", LS_REQUEST_ROUTE,
	  "request", "request", .chain = { "resolver_match" }, .last = { "route" },
	  .method = "method" },
	{ "quart.app", "Quart", "handle_request", LS_REQUEST_ROUTE, "request", "request",
	  .chain = { "url_rule" }, .last = { "rule" }, .method = "method" },
	{ "django.core.handlers.asgi", "ASGIHandler", "__call__", LS_REQUEST_PATH, NULL, SCOPE },
	{ "starlette.applications", "Starlette", "__call__", LS_REQUEST_PATH, NULL, SCOPE },
	{ "fastapi.applications", "FastAPI", "__call__", LS_REQUEST_PATH, NULL, SCOPE },
	{ "uvicorn.middleware.proxy_headers", "ProxyHeadersMiddleware", "__call__", LS_REQUEST_PATH,
	  NULL, SCOPE },
	{ "hypercorn.utils", NULL, "invoke_asgi", LS_REQUEST_PATH, NULL, SCOPE },
	{ "hypercorn.app_wrappers", "ASGIWrapper", "__call__", LS_REQUEST_PATH, NULL, SCOPE },
	{ "hypercorn.asyncio.task_group", NULL, "_handle", LS_REQUEST_PATH, NULL, SCOPE },
};
#undef ROUTER
#undef SCOPE

_Static_assert(N_OF(recipes) <= LS_REQUEST_CODES, "each function has its place");

/* With it, tests run in the process. */
static const char test_module[] = "_pytest.runner";

/* The modules of a process that matter, by one look at all of them. */
struct modules {
	const struct target *t;
	uint64_t of[N_OF(recipes)]; /* the module of each recipe; 0: not imported */
	uint64_t os;
	bool has_tests;
};

static int on_module(void *ctx, uint64_t key, uint64_t value)
{
	struct modules *m = ctx;
	char name[64];

	if (!py_str_ascii(m->t, key, name, sizeof(name)))
		return 0;
	for (size_t i = 0; i < N_OF(recipes); i++)
		if (!strcmp(name, recipes[i].module))
			m->of[i] = value;
	if (!strcmp(name, "os"))
		m->os = value;
	m->has_tests |= !strcmp(name, test_module);
	return 0;
}

static int find_function(const struct target *t, uint64_t module, const struct recipe *recipe,
			 uint64_t *ret_function)
{
	uint64_t dict, class;
	int r = py_object_dict(t, module, &dict);

	if (r)
		return r;
	if (!recipe->class)
		return py_dict_get(t, dict, recipe->function, ret_function);
	r = py_dict_get(t, dict, recipe->class, &class);
	return r ? r : py_type_attribute(t, class, recipe->function, ret_function);
}

static bool name_is(const struct ls_request_name *n, const char *name, size_t len)
{
	return n->length == len && !memcmp(n->words, name, len);
}

/* Number of the name in the list, to which it is added; 0: there is none, or no room. */
static uint8_t number_of(struct ls_requests *ret, const char *name)
{
	const size_t len = name ? strlen(name) : 0;

	if (!len || len >= LS_REQUEST_NAME_BYTES)
		return 0;
	for (uint8_t i = 1; i < LS_REQUEST_NAMES; i++) {
		struct ls_request_name *n = &ret->names[i];

		if (!n->length) {
			memcpy(n->words, name, len);
			n->length = (uint32_t)len;
		}
		if (name_is(n, name, len))
			return i;
	}
	return 0;
}

static void add(const struct target *t, uint64_t code, const struct recipe *recipe,
		struct ls_requests *ret)
{
	struct ls_request_code *c = &ret->codes[ret->n_codes];

	*c = (struct ls_request_code){
		.code = code,
		.role = (uint8_t)recipe->role,
		.is_scope = recipe->is_scope,
		.method = number_of(ret, recipe->method),
		.path = number_of(ret, recipe->path),
		.root_path = number_of(ret, recipe->root_path),
	};
	if (recipe->object && py_code_local(t, code, recipe->object, &c->object))
		c->object = 0;
	if (py_code_local(t, code, recipe->request, &c->request))
		c->request = 0;
	for (size_t i = 0; i < LS_REQUEST_CHAIN; i++)
		c->chain[i] = number_of(ret, recipe->chain[i]);
	for (size_t i = 0; i < LS_REQUEST_LAST; i++)
		c->last[i] = number_of(ret, recipe->last[i]);
	ret->n_codes++;
}

static void find_tests(const struct modules *m, struct ls_requests *ret)
{
	uint64_t dict, environ, data;

	if (!m->has_tests || !m->os || py_object_dict(m->t, m->os, &dict) ||
	    py_dict_get(m->t, dict, "environ", &environ) ||
	    py_attribute(m->t, environ, "_data", &data))
		return;
	if (py_is_instance(m->t, data, "dict"))
		ret->environ_data = data;
}

/* How many modules the process has imported, and those that matter. */
static int read_modules(const struct target *t, struct modules *m, uint64_t *stamp)
{
	uint64_t modules, n;
	int r;

	if (!py_target(t)->interp)
		return -EAGAIN;
	r = py_read_u64(t, py_target(t)->interp + t->proc.py.at.interp_modules, &modules);
	if (!r)
		r = py_read_u64(t, modules + t->proc.py.at.dict_used, &n);
	if (r || n == *stamp)
		return r;
	*stamp = n;
	r = py_dict_each(t, modules, on_module, m);
	return r < 0 ? r : 1;
}

int py_requests(const struct target *t, uint64_t *stamp, struct ls_requests *ret)
{
	struct modules modules = { .t = t };
	uint64_t function, code;
	int r = read_modules(t, &modules, stamp);

	if (r <= 0)
		return r;
	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < N_OF(recipes); i++) {
		if (!modules.of[i])
			continue;
		r = find_function(t, modules.of[i], &recipes[i], &function);
		if (!r)
			r = py_function_code(t, function, &code);
		if (!r)
			add(t, code, &recipes[i], ret);
		else
			/* It may be in the middle of its import. */
			*stamp = 0;
	}
	find_tests(&modules, ret);
	return 1;
}
