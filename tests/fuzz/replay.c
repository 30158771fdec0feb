/* In libFuzzer's place: runs a target once on each file of a folder. A broken promise or a crash ends it; the
 * name that was printed last is the culprit's. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "fuzz.h"

enum { INPUT_LIMIT = 1 << 20 };

static int is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static bool replay(const char *path)
{
    struct file_content content;
    puts(path);
    fflush(stdout);
    if (!file_read(path, INPUT_LIMIT, &content)) {
        perror(path);
        return false;
    }
    char *copy = fuzz_copy((struct text){content.data, content.size});
    LLVMFuzzerTestOneInput((const uint8_t *)copy, content.size);
    free(copy);
    file_content_free(&content);
    return true;
}

int main(int argc, char **argv)
{
    struct dirent **entries;
    if (argc != 2 || chdir(argv[1]) != 0) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    const int count = scandir(".", &entries, is_input, alphasort);
    int good = 0;
    for (int i = 0; i < count; i++) {
        good += replay(entries[i]->d_name);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    printf("%d of %d inputs\n", good, count);
    return good > 0 && good == count ? EXIT_SUCCESS : EXIT_FAILURE;
}
