/* Which memory of this process is asked for in huge pages, as the system tells. After fixture.h. */
#ifndef SMAPS_H
#define SMAPS_H

/* Whether a line of smaps is the head of a mapping, "first-end …". */
static bool read_head(const char *line, uintptr_t *first, uintptr_t *end)
{
    char *after = NULL;
    *first = strtoul(line, &after, 16);
    if (*after != '-')
        return false;
    *end = strtoul(after + 1, &after, 16);
    return *after == ' ';
}

/* Whether the mapping that `address` is in has been marked. */
static bool is_marked(const void *address)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    char line[1024];
    bool is_inside = false;
    bool marked = false;
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL) {
        uintptr_t first = 0;
        uintptr_t end = 0;
        if (read_head(line, &first, &end))
            is_inside = (uintptr_t)address >= first && (uintptr_t)address < end;
        else if (is_inside && strncmp(line, "VmFlags:", 8) == 0)
            marked = strstr(line, " hg") != NULL;
    }
    fclose(maps);
    return marked;
}

static bool has_huge_pages(void)
{
    return access("/sys/kernel/mm/transparent_hugepage/enabled", F_OK) == 0;
}

#endif
