/* replay.c - run a fuzz target over every file of the directories named as arguments. */
#include "requests.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum { FILE_SIZE_MAX = 1024 * 1024, PATH_SIZE_MAX = 4096 };

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(FILE_SIZE_MAX);
    if (file == NULL || data == NULL) {
        perror(path);
        free(data);
        return -1;
    }
    size_t size = fread(data, 1, FILE_SIZE_MAX, file);
    fclose(file);
    // A block of exactly its size, for sanitizers.
    uint8_t *exact = realloc(data, size > 0 ? size : 1);
    LLVMFuzzerTestOneInput(exact != NULL ? exact : data, size);
    free(exact != NULL ? exact : data);
    return 0;
}

// Returns how many files there were, or -1.
static int replay_directory(const char *directory)
{
    DIR *dir = opendir(directory);
    if (dir == NULL) {
        perror(directory);
        return -1;
    }
    int count = 0;
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) { // NOLINT(concurrency-mt-unsafe)
        char path[PATH_SIZE_MAX];
        snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
        if (entry->d_name[0] == '.') {
            continue;
        }
        if (replay_file(path) < 0) {
            closedir(dir);
            return -1;
        }
        count++;
    }
    closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++) {
        int files = replay_directory(argv[i]);
        if (files < 0) {
            return EXIT_FAILURE;
        }
        count += files;
    }
    printf("%d inputs\n", count);
    return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
