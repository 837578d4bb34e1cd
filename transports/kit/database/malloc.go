package database

/*
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
static void keep_freed(int bytes) { mallopt(M_TRIM_THRESHOLD, bytes); }
#else
static void keep_freed(int bytes) { (void)bytes; }
#endif
*/
import "C"

import "sync"

// keptByMalloc (bytes) is how much freed memory each arena of the C library keeps.
// SQLite takes and frees the 90 KB of a temporary table with every statement that
// fills one, as whatsmeow's do; with the usual 128 KB the pages go back to the system
// each time and are cleared again: a seventh of all work at full speed.
const keptByMalloc = 4 << 20

var keepFreed = sync.OnceFunc(func() { C.keep_freed(keptByMalloc) })
