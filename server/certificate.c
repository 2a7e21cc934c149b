#include "server/certificate.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <time.h>

#include "lib/cleanup.h"
#include "lib/fd.h"

#define CERTIFICATE_MAX (256u << 10) // bytes of a file: a chain of certificates

static void cleanup_bio(BIO **bio)
{
    BIO_free(*bio);
}

static void cleanup_x509(X509 **certificate)
{
    X509_free(*certificate);
}

// The first certificate of a chain is the site's own.
uint64_t certificate_expiry(const char *path)
{
    AUTO_FREE char *text = NULL;
    size_t length;
    if (!*path || read_file_at(AT_FDCWD, path, CERTIFICATE_MAX, &text, &length) < 0)
        return 0;
    CLEANUP(cleanup_bio) BIO *bio = BIO_new_mem_buf(text, (int)length);
    CLEANUP(cleanup_x509) X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    struct tm end;
    if (!certificate || !ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end))
        return 0;
    time_t seconds = timegm(&end);
    return seconds > 0 ? (uint64_t)seconds : 0;
}
