/* One process at a time makes the files of the state folder. */
#ifndef BASE_FOLDER_LOCK_H
#define BASE_FOLDER_LOCK_H

/* Waits for the lock of the open folder. Closing the descriptor that is returned releases it, and so does the
 * end of the process. Returns -1 with errno set. */
int folder_lock(int folder);

#endif
