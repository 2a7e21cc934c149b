#include "streaming/avcodec.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define TEXT(number) #number
#define TEXT_OF(number) TEXT(number)
#define SONAME(library, major) library ".so." TEXT_OF(major)

// dlsym() gives object pointers; POSIX promises that they hold functions.
static bool find(void *library, const char *name, void *ret_function)
{
    void *symbol = dlsym(library, name);
    memcpy(ret_function, &symbol, sizeof(symbol));
    return symbol != NULL;
}

int avcodec_load(struct avcodec *ret_functions)
{
    void *codec = dlopen(SONAME("libavcodec", LIBAVCODEC_VERSION_MAJOR), RTLD_NOW | RTLD_LOCAL);
    void *util = dlopen(SONAME("libavutil", LIBAVUTIL_VERSION_MAJOR), RTLD_NOW | RTLD_LOCAL);
    if (!codec || !util)
        return -ENOENT;
    struct avcodec f;
    bool found = find(codec, "avcodec_find_encoder_by_name", &f.find_encoder) &&
                 find(codec, "avcodec_alloc_context3", &f.alloc_context) &&
                 find(codec, "avcodec_free_context", &f.free_context) &&
                 find(codec, "avcodec_open2", &f.open) && find(codec, "avcodec_send_frame", &f.send_frame) &&
                 find(codec, "avcodec_receive_packet", &f.receive_packet) &&
                 find(codec, "av_packet_alloc", &f.packet_alloc) &&
                 find(codec, "av_packet_free", &f.packet_free) &&
                 find(codec, "av_packet_unref", &f.packet_unref) &&
                 find(util, "av_frame_alloc", &f.frame_alloc) && find(util, "av_frame_free", &f.frame_free) &&
                 find(util, "av_opt_set", &f.set_option) && find(util, "av_log_set_level", &f.set_log_level);
    if (!found)
        return -ENOENT;
    *ret_functions = f;
    return 0;
}
