/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Criterion initializes libgit2 for the differences that it shows, in the process of each test, and
 * libgit2 would parse the certificates of all authorities that the machine trusts: a quarter of the
 * time of a short test. This function stands for that of Mbed TLS, and finds none.
 */
int mbedtls_x509_crt_parse_file(void *chain, const char *path);

int mbedtls_x509_crt_parse_file(void *chain, const char *path)
{
	(void)chain;
	(void)path;
	return -1;
}
