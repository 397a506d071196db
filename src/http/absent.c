/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What GnuTLS can do besides, and a server with its keys in files never asks for: keys on tokens
 * (PKCS#11; Debian has no archive of p11-kit), names that are not ASCII (IDN), the authorities that
 * the machine trusts. Only part of a static program, in which these functions stand for those of
 * p11-kit, libidn2, libunistring and of GnuTLS itself. Each one says that it cannot, as in a GnuTLS
 * that was configured without these libraries.
 */
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <idn2.h>
#include <p11-kit/p11-kit.h>
#include <p11-kit/pin.h>
#include <p11-kit/uri.h>
#include <stdlib.h>
#include <uninorm.h>

#pragma GCC diagnostic ignored "-Wunused-parameter"

/* The parameters are those of the libraries' headers. */
#define FAILS(type, name, parameters, value)                                                       \
	type name parameters                                                                       \
	{                                                                                          \
		return value;                                                                      \
	}
#define DOES_NOTHING(name, parameters)                                                             \
	void name parameters                                                                       \
	{                                                                                          \
	}

#define ABSENT "not part of a static program"

FAILS(CK_FUNCTION_LIST **, p11_kit_modules_load, (const char *reserved, int flags), NULL)
FAILS(CK_FUNCTION_LIST *, p11_kit_module_load, (const char *path, int flags), NULL)
FAILS(CK_RV, p11_kit_module_finalize, (CK_FUNCTION_LIST * module), CKR_GENERAL_ERROR)
FAILS(char *, p11_kit_module_get_name, (CK_FUNCTION_LIST * module), NULL)
FAILS(int, p11_kit_module_get_flags, (CK_FUNCTION_LIST * module), 0)
FAILS(char *, p11_kit_config_option, (CK_FUNCTION_LIST * module, const char *option), NULL)
FAILS(const char *, p11_kit_message, (void), ABSENT)
FAILS(const char *, p11_kit_strerror, (CK_RV code), ABSENT)
FAILS(size_t, p11_kit_space_strlen, (const unsigned char *text, size_t max), 0)
FAILS(char *, p11_kit_space_strdup, (const unsigned char *text, size_t max), NULL)
DOES_NOTHING(p11_kit_module_release, (CK_FUNCTION_LIST * module))

FAILS(P11KitUri *, p11_kit_uri_new, (void), NULL)
FAILS(int, p11_kit_uri_parse, (const char *text, P11KitUriType type, P11KitUri *uri),
      P11_KIT_URI_UNEXPECTED)
FAILS(int, p11_kit_uri_format, (P11KitUri * uri, P11KitUriType type, char **text),
      P11_KIT_URI_UNEXPECTED)
FAILS(CK_INFO_PTR, p11_kit_uri_get_module_info, (P11KitUri * uri), NULL)
FAILS(CK_TOKEN_INFO_PTR, p11_kit_uri_get_token_info, (P11KitUri * uri), NULL)
FAILS(int, p11_kit_uri_match_module_info, (const P11KitUri *uri, const CK_INFO *info), 0)
FAILS(int, p11_kit_uri_match_token_info, (const P11KitUri *uri, const CK_TOKEN_INFO *info), 0)
FAILS(CK_ATTRIBUTE_PTR, p11_kit_uri_get_attribute, (P11KitUri * uri, CK_ATTRIBUTE_TYPE type), NULL)
FAILS(CK_ATTRIBUTE_PTR, p11_kit_uri_get_attributes, (P11KitUri * uri, CK_ULONG *n), NULL)
FAILS(int, p11_kit_uri_set_attribute, (P11KitUri * uri, CK_ATTRIBUTE_PTR attribute),
      P11_KIT_URI_UNEXPECTED)
FAILS(const char *, p11_kit_uri_get_pin_value, (const P11KitUri *uri), NULL)
FAILS(const char *, p11_kit_uri_get_pin_source, (const P11KitUri *uri), NULL)
DOES_NOTHING(p11_kit_uri_free, (P11KitUri * uri))

FAILS(P11KitPin *, p11_kit_pin_new_for_string, (const char *value), NULL)
FAILS(P11KitPin *, p11_kit_pin_request,
      (const char *source, P11KitUri *uri, const char *description, P11KitPinFlags flags), NULL)
FAILS(P11KitPin *, p11_kit_pin_file_callback,
      (const char *source, P11KitUri *uri, const char *description, P11KitPinFlags flags,
       void *data),
      NULL)
FAILS(const unsigned char *, p11_kit_pin_get_value, (P11KitPin * pin, size_t *length), NULL)
FAILS(size_t, p11_kit_pin_get_length, (P11KitPin * pin), 0)
FAILS(int, p11_kit_pin_register_callback,
      (const char *source, p11_kit_pin_callback callback, void *data,
       p11_kit_pin_destroy_func destroy),
      -1)
DOES_NOTHING(p11_kit_pin_unregister_callback,
	     (const char *source, p11_kit_pin_callback callback, void *data))
DOES_NOTHING(p11_kit_pin_unref, (P11KitPin * pin))

/* GnuTLS asks only for names that are not ASCII. */
FAILS(int, idn2_to_ascii_8z, (const char *name, char **result, int flags), IDN2_ENCODING_ERROR)
FAILS(int, idn2_to_unicode_8z8z, (const char *name, char **result, int flags), IDN2_ENCODING_ERROR)
FAILS(const char *, idn2_strerror, (int code), ABSENT)
DOES_NOTHING(idn2_free, (void *result))

/* UTF-16 in the names of a certificate; it is verified by the bytes. */
FAILS(uint16_t *, u16_normalize,
      (uninorm_t form, const uint16_t *text, size_t n, uint16_t *buffer, size_t *length), NULL)

/* Of encrypted keys. */
FAILS(int, gnutls_utf8_password_normalize,
      (const unsigned char *password, unsigned n, gnutls_datum_t *out, unsigned flags),
      GNUTLS_E_UNIMPLEMENTED_FEATURE)

/* Text for people. */
FAILS(int, gnutls_x509_crt_print,
      (gnutls_x509_crt_t crt, gnutls_certificate_print_formats_t format, gnutls_datum_t *out),
      GNUTLS_E_UNIMPLEMENTED_FEATURE)

/* It would look for the user's home in /etc/passwd by modules of the C library. */
FAILS(int, gnutls_x509_trust_list_add_system_trust,
      (gnutls_x509_trust_list_t list, unsigned flags, unsigned verify_flags),
      GNUTLS_E_UNIMPLEMENTED_FEATURE)

/*
 * A cipher of the Russian standards, with 200 KB of tables: by default GnuTLS negotiates none of
 * them, and keys that are encrypted with one cannot be read without a password, which is never
 * given. These are GnuTLS's own functions and return nothing, so the server's child ends.
 */
void _gnutls_kuznyechik_set_key(void *context, const uint8_t *key);
void _gnutls_kuznyechik_encrypt(const void *context, size_t n, uint8_t *out, const uint8_t *in);

void _gnutls_kuznyechik_set_key(void *context, const uint8_t *key)
{
	abort();
}

void _gnutls_kuznyechik_encrypt(const void *context, size_t n, uint8_t *out, const uint8_t *in)
{
	abort();
}
