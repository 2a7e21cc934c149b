// sandbox-atoms.so: preloaded into the window manager of a desktop. Openbox asks the X server for the numbers of 110 names one by one, waiting for each
// answer: a quarter of what it does once the server is up. Here the first connection asks for all of them at once. While that connection waits for
// a server that is still starting, the fonts' configuration is read: openbox has two of its threads read it at the same time otherwise. Names
// that are not listed are asked for as ever: without this library nothing is different but the time.

#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define NAMES (sizeof(names) / sizeof(names[0]))

// Of the few functions that are needed here; X11's and fontconfig's headers are not. The libraries are the window manager's.
typedef struct display display;
typedef unsigned long atom;
typedef display *open_display_fn(const char *name);
typedef atom intern_atom_fn(display *, const char *name, int only_if_exists);
typedef int intern_atoms_fn(display *, char **names, int count, int only_if_exists, atom *ret_atoms);
typedef int initialise_fonts_fn(void);

#define EXPORTED __attribute__((visibility("default")))
EXPORTED open_display_fn XOpenDisplay;
EXPORTED intern_atom_fn XInternAtom;

// Sorted, for bsearch(3).
// clang-format off
static const char *const names[] = {
    "ATOM", "CARDINAL", "COMPOUND_TEXT", "MANAGER", "PIXMAP", "SM_CLIENT_ID", "STRING", "UTF8_STRING",
    "WINDOW", "WM_CHANGE_STATE", "WM_CLASS", "WM_CLIENT_LEADER", "WM_CLIENT_MACHINE", "WM_COLORMAP_WINDOWS",
    "WM_COMMAND", "WM_DELETE_WINDOW", "WM_ICON_NAME", "WM_NAME", "WM_PROTOCOLS", "WM_STATE", "WM_TAKE_FOCUS",
    "WM_TRANSIENT_FOR", "WM_WINDOW_ROLE", "_KDE_NET_WM_FRAME_STRUT", "_KDE_NET_WM_WINDOW_TYPE_OVERRIDE",
    "_KDE_WM_CHANGE_STATE", "_MOTIF_WM_HINTS", "_MOTIF_WM_INFO", "_NET_ACTIVE_WINDOW", "_NET_CLIENT_LIST",
    "_NET_CLIENT_LIST_STACKING", "_NET_CLOSE_WINDOW", "_NET_CURRENT_DESKTOP", "_NET_DESKTOP_GEOMETRY",
    "_NET_DESKTOP_LAYOUT", "_NET_DESKTOP_NAMES", "_NET_DESKTOP_VIEWPORT", "_NET_FRAME_EXTENTS",
    "_NET_MOVERESIZE_WINDOW", "_NET_NUMBER_OF_DESKTOPS", "_NET_REQUEST_FRAME_EXTENTS", "_NET_RESTACK_WINDOW",
    "_NET_SHOWING_DESKTOP", "_NET_STARTUP_ID", "_NET_STARTUP_INFO", "_NET_STARTUP_INFO_BEGIN",
    "_NET_SUPPORTED", "_NET_SUPPORTING_WM_CHECK", "_NET_WM_ACTION_ABOVE", "_NET_WM_ACTION_BELOW",
    "_NET_WM_ACTION_CHANGE_DESKTOP", "_NET_WM_ACTION_CLOSE", "_NET_WM_ACTION_FULLSCREEN",
    "_NET_WM_ACTION_MAXIMIZE_HORZ", "_NET_WM_ACTION_MAXIMIZE_VERT", "_NET_WM_ACTION_MINIMIZE",
    "_NET_WM_ACTION_MOVE", "_NET_WM_ACTION_RESIZE", "_NET_WM_ACTION_SHADE", "_NET_WM_ALLOWED_ACTIONS",
    "_NET_WM_DESKTOP", "_NET_WM_FULL_PLACEMENT", "_NET_WM_ICON", "_NET_WM_ICON_GEOMETRY", "_NET_WM_ICON_NAME",
    "_NET_WM_MOVERESIZE", "_NET_WM_NAME", "_NET_WM_PID", "_NET_WM_PING", "_NET_WM_STATE",
    "_NET_WM_STATE_ABOVE", "_NET_WM_STATE_BELOW", "_NET_WM_STATE_DEMANDS_ATTENTION",
    "_NET_WM_STATE_FULLSCREEN", "_NET_WM_STATE_HIDDEN", "_NET_WM_STATE_MAXIMIZED_HORZ",
    "_NET_WM_STATE_MAXIMIZED_VERT", "_NET_WM_STATE_MODAL", "_NET_WM_STATE_SHADED", "_NET_WM_STATE_SKIP_PAGER",
    "_NET_WM_STATE_SKIP_TASKBAR", "_NET_WM_STRUT", "_NET_WM_STRUT_PARTIAL", "_NET_WM_SYNC_REQUEST",
    "_NET_WM_SYNC_REQUEST_COUNTER", "_NET_WM_USER_TIME", "_NET_WM_VISIBLE_ICON_NAME", "_NET_WM_VISIBLE_NAME",
    "_NET_WM_WINDOW_OPACITY", "_NET_WM_WINDOW_TYPE", "_NET_WM_WINDOW_TYPE_DESKTOP",
    "_NET_WM_WINDOW_TYPE_DIALOG", "_NET_WM_WINDOW_TYPE_DOCK", "_NET_WM_WINDOW_TYPE_MENU",
    "_NET_WM_WINDOW_TYPE_NORMAL", "_NET_WM_WINDOW_TYPE_POPUP_MENU", "_NET_WM_WINDOW_TYPE_SPLASH",
    "_NET_WM_WINDOW_TYPE_TOOLBAR", "_NET_WM_WINDOW_TYPE_UTILITY", "_NET_WORKAREA", "_OB_APP_CLASS",
    "_OB_APP_GROUP_CLASS", "_OB_APP_GROUP_NAME", "_OB_APP_NAME", "_OB_APP_ROLE", "_OB_APP_TITLE",
    "_OB_APP_TYPE", "_OB_CONFIG_FILE", "_OB_CONTROL", "_OB_THEME", "_OB_VERSION", "_OB_WM_ACTION_UNDECORATE",
    "_OB_WM_STATE_UNDECORATED", "_OPENBOX_PID",
};
// clang-format on

static struct {
    display *display; // whose they are
    atom atoms[NAMES];
} known;

__attribute__((constructor)) static void begin(void)
{
    unsetenv("LD_PRELOAD"); // what the window manager starts has other names
}

// POSIX promises that object pointers hold functions.
static void find_next(const char *name, void *ret_function)
{
    void *symbol = dlsym(RTLD_NEXT, name);
    memcpy(ret_function, &symbol, sizeof(symbol));
}

static int compare(const void *name, const void *entry)
{
    return strcmp(name, *(const char *const *)entry);
}

EXPORTED display *XOpenDisplay(const char *name)
{
    open_display_fn *next;
    intern_atoms_fn *intern;
    initialise_fonts_fn *initialise_fonts;
    find_next("XOpenDisplay", &next);
    find_next("XInternAtoms", &intern);
    find_next("FcInit", &initialise_fonts);
    if (initialise_fonts)
        initialise_fonts();
    display *opened = next ? next(name) : NULL;
    if (opened && intern && !known.display && intern(opened, (char **)names, NAMES, 0, known.atoms))
        known.display = opened;
    return opened;
}

EXPORTED atom XInternAtom(display *from, const char *name, int only_if_exists)
{
    const char *const *found =
        from && from == known.display ? bsearch(name, names, NAMES, sizeof(names[0]), compare) : NULL;
    if (found)
        return known.atoms[found - names];
    static intern_atom_fn *next;
    if (!next)
        find_next("XInternAtom", &next);
    return next ? next(from, name, only_if_exists) : 0;
}
