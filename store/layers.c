#include "store/layers.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "lib/cleanup.h"

static void cleanup_json(json_t **json)
{
    json_decref(*json);
}

#define AUTO_JSON CLEANUP(cleanup_json)

char *layers_encode(const struct layer_report layers[static LAYER_COUNT])
{
    AUTO_JSON json_t *object = json_object();
    for (unsigned i = 0; i < LAYER_COUNT; i++) {
        const char *state = layer_state_name(layers[i].state);
        json_t *layer =
            json_pack("{s:s, s:s#}", "state", state ? state : layer_state_name(LAYER_MISSING), "detail",
                      layers[i].detail, (int)strnlen(layers[i].detail, sizeof(layers[i].detail)));
        if (json_object_set_new(object, layer_name(i), layer) != 0)
            return NULL;
    }
    return json_dumps(object, JSON_COMPACT);
}

static int decode_state(const char *name, uint8_t *ret_state)
{
    for (unsigned state = 0; layer_state_name(state); state++) {
        if (strcmp(layer_state_name(state), name) == 0) {
            *ret_state = (uint8_t)state;
            return 0;
        }
    }
    return -EIO;
}

static int decode_layer(json_t *layer, struct layer_report *ret_report)
{
    const char *state;
    const char *detail;
    struct layer_report report = {0};
    if (json_unpack(layer, "{s:s, s:s}", "state", &state, "detail", &detail) != 0 ||
        decode_state(state, &report.state) || strlen(detail) >= sizeof(report.detail))
        return -EIO;
    memcpy(report.detail, detail, strlen(detail));
    *ret_report = report;
    return 0;
}

int layers_decode(const char *text, struct layer_report ret_layers[static LAYER_COUNT])
{
    AUTO_JSON json_t *object = json_loads(text, 0, NULL);
    if (!json_is_object(object))
        return -EIO;
    struct layer_report layers[LAYER_COUNT] = {0};
    for (unsigned i = 0; i < LAYER_COUNT; i++) {
        json_t *layer = json_object_get(object, layer_name(i));
        int error = layer ? decode_layer(layer, &layers[i]) : 0;
        if (error)
            return error;
    }
    memcpy(ret_layers, layers, sizeof(layers));
    return 0;
}
