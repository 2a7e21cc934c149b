#pragma once

/* Tells whoever started this program that it serves now: the sd_notify protocol's READY=1, sent to the
 * datagram socket named by NOTIFY_SOCKET (a path, or an abstract name after '@'). Call it once, when the
 * program answers its peers. Returns 1 when told, 0 when nobody asked (NOTIFY_SOCKET is unset or empty),
 * -errno when the socket can't be reached. */
int notify_ready(void);
