#include "streaming/gpu.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "lib/cleanup.h"

#define NEEDS_MAX 3

struct need {
    const char *name, *help;
};

static const struct gpu {
    const char *name;
    struct need devices[NEEDS_MAX], libraries[NEEDS_MAX];
    struct need drivers; // a pattern of paths
} gpus[] = {
    {.name = "h264_vaapi",
     .devices = {{"/dev/dri/renderD128",
                  "the kernel has no driver for a GPU, or the container was not given it"}},
     .libraries = {{"libva.so.2", "install libva2"}, {"libva-drm.so.2", "install libva-drm2"}},
     .drivers = {"/usr/lib/*/dri/*_drv_video.so", "install va-driver-all"}},
    {.name = "h264_nvenc",
     .devices = {{"/dev/nvidiactl", "the kernel has no driver of NVIDIA, or the container was not given it"},
                 {"/dev/nvidia0", "the driver of NVIDIA has found no GPU"}},
     .libraries = {{"libcuda.so.1", "install libcuda1"},
                   {"libnvidia-encode.so.1", "install libnvidia-encode1"}}},
};

static const struct gpu *find(const char *name)
{
    for (size_t i = 0; i < sizeof(gpus) / sizeof(gpus[0]); i++) {
        if (strcmp(gpus[i].name, name) == 0)
            return &gpus[i];
    }
    return NULL;
}

bool gpu_encoder(const char *name)
{
    return find(name) != NULL;
}

static bool device_missing(const struct need *device, char *ret_problem, size_t size)
{
    AUTO_FD int fd = open(device->name, O_RDWR | O_CLOEXEC);
    if (fd >= 0)
        return false;
    if (errno == ENOENT)
        snprintf(ret_problem, size, "%s is not there: %s", device->name, device->help);
    else
        snprintf(ret_problem, size, "%s can't be opened: %s", device->name, strerror(errno));
    return true;
}

static bool library_missing(const struct need *library, char *ret_problem, size_t size)
{
    void *found = dlopen(library->name, RTLD_LAZY | RTLD_LOCAL);
    if (found) {
        dlclose(found);
        return false;
    }
    snprintf(ret_problem, size, "%s can't be loaded: %s", library->name, library->help);
    return true;
}

static bool driver_missing(const struct need *drivers, char *ret_problem, size_t size)
{
    glob_t found = {0};
    bool missing = glob(drivers->name, GLOB_NOSORT, NULL, &found) != 0;
    globfree(&found);
    if (missing)
        snprintf(ret_problem, size, "no driver is in %s: %s", drivers->name, drivers->help);
    return missing;
}

void gpu_problem(const char *name, char *ret_problem, size_t size)
{
    const struct gpu *gpu = find(name);
    for (size_t i = 0; i < NEEDS_MAX && gpu->devices[i].name; i++) {
        if (device_missing(&gpu->devices[i], ret_problem, size))
            return;
    }
    for (size_t i = 0; i < NEEDS_MAX && gpu->libraries[i].name; i++) {
        if (library_missing(&gpu->libraries[i], ret_problem, size))
            return;
    }
    if (!gpu->drivers.name || !driver_missing(&gpu->drivers, ret_problem, size))
        snprintf(ret_problem, size, "its device, libraries and driver are there");
}
