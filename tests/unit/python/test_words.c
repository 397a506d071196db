/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose code a Python file is, by its path; what helps in which loop.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/array.h"
#include "python/py_words.h"

Test(words, origin_of_a_file)
{
	static const struct {
		const char *file;
		enum code_origin origin;
	} cases[] = {
		{ "/usr/lib/python3.11/json/decoder.py", ORIGIN_RUNTIME },
		{ "/opt/py/lib/python3.14t/asyncio/events.py", ORIGIN_RUNTIME },
		{ "/usr/lib64/python3.9/ssl.py", ORIGIN_RUNTIME },
		{ "/usr/lib/python311.zip/json/decoder.py", ORIGIN_RUNTIME },
		{ "<frozen importlib._bootstrap>", ORIGIN_RUNTIME },
		{ "/srv/venv/lib/python3.11/site-packages/aiohttp/web.py", ORIGIN_INSTALLED },
		{ "/usr/lib/python3/dist-packages/yaml/__init__.py", ORIGIN_INSTALLED },
		{ "<string>", ORIGIN_GENERATED },
		{ "<template>", ORIGIN_GENERATED },
		{ "<stdin>", ORIGIN_USER },
		{ "<ipython-input-1-abc>", ORIGIN_USER },
		{ "/srv/app/templates/page.html", ORIGIN_TEMPLATE },
		{ "/srv/app/templates.html/page", ORIGIN_USER },
		{ "/srv/app/main.py", ORIGIN_USER },
		{ "/srv/lib/python3-tools/main.py", ORIGIN_USER },
		{ "/home/u/python3.11/main.py", ORIGIN_USER },
		{ "main.py", ORIGIN_USER },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_assert_eq(runtime_words__origin(&words_python, cases[i].file), cases[i].origin,
			     "%s", cases[i].file);
}

Test(words, package_of_a_file)
{
	static const char package[] = "/v/lib/python3.11/site-packages/acme_web/api/views.py";
	static const char module[] = "/v/lib/python3.11/site-packages/acme.py";

	cr_assert(runtime_words__is_of_package(&words_python, package, "acme_web"));
	cr_assert(runtime_words__is_of_package(&words_python, package, "acme-web"));
	cr_assert(runtime_words__is_of_package(&words_python, package, "acme_web.api"));
	cr_assert(!runtime_words__is_of_package(&words_python, package, "acme"));
	cr_assert(!runtime_words__is_of_package(&words_python, package, "api"));
	cr_assert(runtime_words__is_of_package(&words_python, module, "acme"));
	cr_assert(!runtime_words__is_of_package(&words_python, "/srv/acme/main.py", "acme"));
}

Test(words, supervisors)
{
	cr_assert(words_python.is_supervisor("/usr/lib/python3/dist-packages/gunicorn/arbiter.py"));
	cr_assert(words_python.is_supervisor("/usr/lib/python3.11/multiprocessing/forkserver.py"));
	cr_assert(!words_python.is_supervisor(
		"/usr/lib/python3/dist-packages/gunicorn/workers/sync.py"));
	cr_assert(!words_python.is_supervisor("/srv/app/arbiter.py"));
}

Test(words, finalizers)
{
	static const char weakref[] = "/usr/lib/python3.11/weakref.py";

	cr_assert(words_python.is_finalizer("/srv/app/db.py", "Session.__del__"));
	cr_assert(words_python.is_finalizer("/srv/app/db.py", "__del__"));
	cr_assert(words_python.is_finalizer(weakref, "finalize.__call__"));
	cr_assert(
		words_python.is_finalizer(weakref, "WeakValueDictionary.__init__.<locals>.remove"));
	cr_assert_not(words_python.is_finalizer(weakref, "WeakValueDictionary.get"));
	cr_assert_not(words_python.is_finalizer("/srv/app/weakref.py", "Client.__call__"));
	cr_assert_not(words_python.is_finalizer("/srv/app/db.py", "close"));
}

/* Whatever a row of the advice leaves out has the words of asyncio's tasks. */
Test(words, advice_of_other_libraries_and_of_callbacks)
{
	static const char *const asyncios[] = { "asyncio", "loop.call_", "run_in_executor" };

	for (enum finding_kind kind = 0; kind <= FINDING_OTHER; kind++)
		for (int at = 0; at < LIBRARY_MAX * CONTEXT_MAX; at++) {
			const struct code_context context = {
				.call = (enum call_context)(at % CONTEXT_MAX),
				.library = (enum loop_library)(at / CONTEXT_MAX),
			};
			const char *said = words_python.advice(kind, context) ?:
				words_python.findings[kind].advice	      ?:
										"";

			for (size_t i = 0; context.library && i < N_OF(asyncios); i++)
				cr_expect_null(strstr(said, asyncios[i]), "%d %d: %s", kind, at,
					       said);
			if (context.call == CONTEXT_CALLBACK || context.library > LIBRARY_TRIO)
				cr_expect_null(strstr(said, "await "), "%d %d: %s", kind, at, said);
		}
}

Test(words, library_of_a_loop)
{
	static const char installed[] = "/usr/lib/python3/dist-packages/";
	char file[128];

	snprintf(file, sizeof(file), "%sgevent/hub.py", installed);
	cr_assert_eq(py_frame_library(file, "Hub.run"), LIBRARY_GEVENT);
	snprintf(file, sizeof(file), "%seventlet/hubs/poll.py", installed);
	cr_assert_eq(py_frame_library(file, "wait"), LIBRARY_EVENTLET);
	snprintf(file, sizeof(file), "%stwisted/internet/epollreactor.py", installed);
	cr_assert_eq(py_frame_library(file, "doPoll"), LIBRARY_TWISTED);
	cr_assert_eq(py_frame_library("/usr/lib/python3.11/socketserver.py", "serve_forever"),
		     LIBRARY_SERVER);
	cr_assert_eq(py_frame_library("/usr/lib/python3.11/selectors.py", "select"),
		     LIBRARY_DEFAULT);
	cr_assert_eq(py_frame_library("/srv/app/main.py", "run"), LIBRARY_DEFAULT);
}
