#pragma once
// ?limit=…&cursor=… of the lists that come page by page.

#include "server/exchange.h"

// 0 with how many are wanted (1 to 100) and what they lie before (nil: the newest). -1: answered, the query is wrong.
int page_query_read(struct exchange *exchange, bool takes_state, unsigned *ret_limit, struct id *ret_before);
