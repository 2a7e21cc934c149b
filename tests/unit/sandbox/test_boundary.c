// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
// What the isolation boundary links, read from its binaries.
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/fd.h"
#include "sandbox/daemon/settings.h"

#define BINARY_MAX (64u << 20)

static const Elf64_Shdr *section_of(const char *image, uint32_t type)
{
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)(const void *)image;
    const Elf64_Shdr *sections = (const Elf64_Shdr *)(const void *)(image + header->e_shoff);
    for (unsigned i = 0; i < header->e_shnum; i++) {
        if (sections[i].sh_type == type)
            return &sections[i];
    }
    return NULL;
}

// Fails on any NEEDED entry that is not one of the allowed prefixes.
static void check_needed(const char *path, const char *const *allowed)
{
    AUTO_FREE char *image = NULL;
    size_t length;
    assert_int_equal(read_file_at(AT_FDCWD, path, BINARY_MAX, &image, &length), 0);
    assert_memory_equal(image, ELFMAG, SELFMAG);
    const Elf64_Shdr *dynamic = section_of(image, SHT_DYNAMIC);
    assert_non_null(dynamic);
    const Elf64_Shdr *sections =
        (const Elf64_Shdr *)(const void *)(image + ((const Elf64_Ehdr *)(const void *)image)->e_shoff);
    const char *names = image + sections[dynamic->sh_link].sh_offset;
    const Elf64_Dyn *entry = (const Elf64_Dyn *)(const void *)(image + dynamic->sh_offset);
    unsigned needed = 0;
    for (; entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag != DT_NEEDED)
            continue;
        const char *name = names + entry->d_un.d_val;
        bool known = false;
        for (const char *const *prefix = allowed; *prefix; prefix++)
            known |= strncmp(name, *prefix, strlen(*prefix)) == 0;
        if (!known)
            print_error("%s needs %s\n", path, name);
        assert_true(known);
        needed++;
    }
    assert_true(needed > 0); // libc at least: the table was read
}

#ifdef SANITIZED_BUILD
#define SANITIZERS                                                                                           \
    "libasan.so", "libubsan.so", "libm.so", "libgcc_s.so", "libpthread.so", "libdl.so", "librt.so",
#else
#define SANITIZERS
#endif

static void sandboxd_links_almost_nothing(void **state)
{
    (void)state;
    static const char *const allowed[] = {"libc.so", "libseccomp.so", SANITIZERS NULL};
    check_needed(SANDBOXD_PATH, allowed);
}

static void sandbox_init_links_libc_only(void **state)
{
    (void)state;
    static const char *const allowed[] = {"libc.so", SANITIZERS NULL};
    check_needed(SANDBOX_INIT_PATH, allowed);
}

static void required_layers_are_parsed(void **state)
{
    (void)state;
    bool required[LAYER_COUNT] = {false};
    assert_int_equal(settings_parse_layers("", required), 0);
    assert_true(required[LAYER_USER_NAMESPACE] && required[LAYER_ROOT] && required[LAYER_NO_NEW_PRIVILEGES]);
    assert_false(required[LAYER_MEMORY_LIMIT] || required[LAYER_HOST_UID]);
    assert_int_equal(settings_parse_layers("host_uid,memory_limit", required), 0);
    assert_true(required[LAYER_MEMORY_LIMIT] && required[LAYER_HOST_UID]);
    assert_int_equal(settings_parse_layers("all", required), 0);
    for (unsigned i = 0; i < LAYER_COUNT; i++)
        assert_true(required[i]);
    assert_int_equal(settings_parse_layers("host_uid,,memory_limit", required), -EINVAL);
    assert_int_equal(settings_parse_layers("magic", required), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sandboxd_links_almost_nothing),
        cmocka_unit_test(sandbox_init_links_libc_only),
        cmocka_unit_test(required_layers_are_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
