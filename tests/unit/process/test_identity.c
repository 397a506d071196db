/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Services, containers and pods out of environments, control groups and command lines.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "process/identity.h"

#define ID "4f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8"
#define POD "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"
#define POD_ "0a1b2c3d_4e5f_6071_8293_a4b5c6d7e8f9"

static struct identity made(const char *cgroup, const char *cmdline)
{
	struct identity id;

	identity__make(&id, NULL, 0, cgroup, cmdline, "python3");
	return id;
}

static const char *service_of(const char *cmdline)
{
	static struct identity id;

	id = made(NULL, cmdline);
	return id.service;
}

Test(identity, the_environment_names_the_service)
{
	static const char environ[] = "A=1\0OTEL_SERVICE_NAME=shop\0B=2";
	static const char empty[] = "OTEL_SERVICE_NAME=\0B=2";
	static const char torn[] = "A=1\0OTEL_SERVICE_NAME=sh";
	struct identity id;

	identity__make(&id, environ, sizeof(environ), "/system.slice/x.service", "python3 a.py",
		       "p");
	cr_expect_str_eq(id.service, "shop");
	identity__make(&id, empty, sizeof(empty), "/system.slice/x.service", "python3 a.py", "p");
	cr_expect_str_eq(id.service, "x.service");
	identity__make(&id, torn, sizeof(torn) - 1, NULL, NULL, "p");
	cr_expect_str_eq(id.service, "p", "a value without its end is not the whole value");
}

Test(identity, the_unit_is_the_innermost_service)
{
	cr_expect_str_eq(made("/system.slice/shop@1.service", "python3 a.py").service,
			 "shop@1.service");
	cr_expect_str_eq(made("/user.slice/user-1000.slice/user@1000.service/app.slice/b.service",
			      "python3 a.py")
				 .service,
			 "b.service");
	cr_expect_str_eq(made("/user.slice/user-1000.slice/user@1000.service/app.scope",
			      "python3 a.py")
				 .service,
			 "a.py", "a login is no service");
	cr_expect_str_eq(made("/user.slice/session-3.scope", "python3 a.py").service, "a.py");
}

Test(identity, the_command_is_what_the_interpreter_runs)
{
	cr_expect_str_eq(service_of("/usr/bin/python3 -u /srv/shop.py --token secret"), "shop.py");
	cr_expect_str_eq(service_of("python3.11 -X dev -m uvicorn shop:app --port 80"),
			 "uvicorn shop:app");
	cr_expect_str_eq(service_of("python3 -muvicorn shop.web:app"), "uvicorn shop.web:app");
	cr_expect_str_eq(service_of("/venv/bin/python /venv/bin/gunicorn shop:app"),
			 "gunicorn shop:app");
	cr_expect_str_eq(service_of("gunicorn: worker [shop]"), "gunicorn:");
	cr_expect_str_eq(service_of("python3 load.py https://user:pass@host/"), "load.py");
	cr_expect_str_eq(service_of("python3 load.py user:pass@host"), "load.py");
	cr_expect_str_eq(service_of("python3 -c print(1)"), "python3");
	cr_expect_str_eq(service_of("python3"), "python3");
	cr_expect_str_eq(service_of(""), "python3");
	cr_expect_str_eq(service_of("   "), "python3");
}

Test(identity, containers_and_pods_have_their_kubernetes_names)
{
	const struct identity k8s =
		made("/kubepods.slice/kubepods-burstable.slice/"
		     "kubepods-burstable-pod" POD_ ".slice/cri-containerd-" ID ".scope",
		     "python3 -m uvicorn shop:app");
	const struct identity cgroupfs =
		made("/kubepods/besteffort/pod" POD "/" ID, "python3 a.py");
	const struct identity crio = made("/kubepods.slice/crio-" ID ".scope/container", "a");
	const struct identity docker = made("/system.slice/docker-" ID ".scope", "python3 a.py");

	cr_expect_str_eq(k8s.container_id, "containerd://" ID);
	cr_expect_str_eq(k8s.pod_uid, POD);
	cr_expect_str_eq(k8s.service, "uvicorn shop:app");
	cr_expect_str_eq(cgroupfs.container_id, "containerd://" ID);
	cr_expect_str_eq(cgroupfs.pod_uid, POD);
	cr_expect_str_eq(crio.container_id, "cri-o://" ID);
	cr_expect_str_eq(docker.container_id, "docker://" ID);
	cr_expect_str_eq(docker.pod_uid, "");
	cr_expect_str_eq(made("/docker/" ID, "a").container_id, "docker://" ID);
}

Test(identity, what_only_looks_like_one_is_none)
{
	cr_expect_str_eq(made("/system.slice/docker-" ID "0.scope", "a").container_id, "");
	cr_expect_str_eq(made("/system.slice/docker-4f1a.scope", "a").container_id, "");
	cr_expect_str_eq(made("/pod" POD "0", "a").pod_uid, "");
	cr_expect_str_eq(
		made("/kubepods-podxx1b2c3d_4e5f_6071_8293_a4b5c6d7e8f9.slice", "a").pod_uid, "");
	cr_expect_str_eq(made("/-pod.slice", "a").pod_uid, "");
	cr_expect_str_eq(made("////", "a").container_id, "");
}

Test(identity, long_names_are_cut)
{
	char long_name[4096];
	struct identity id;

	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	identity__make(&id, NULL, 0, long_name, long_name, "p");
	cr_expect_eq(strlen(id.service), IDENTITY_BYTES - 1);
}
