/*
 * A network mount for tests: shows a folder under a mount point, and behaves as badly as a file of orders says. Not a file
 * system for anything else. The orders are read at every call, so what is written there counts from the next call on:
 *
 *     hang            nothing is answered until the word is gone
 *     hang-reads      the same for contents alone
 *     delay-ms N      every answer takes so long
 *     fail-every N    every Nth read of contents fails with EIO
 *     short N         contents end after N bytes, whatever the size says
 *     deny            nothing may be opened or listed
 *
 * usage: nas FOLDER ORDERS MOUNTPOINT [fuse options]
 */
#define FUSE_USE_VERSION 31
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

static const char *folder, *orders;
static atomic_ulong reads;

struct order { int hang, hang_reads, deny; long delay_ms, fail_every, short_bytes; };

static struct order current(void)
{
    struct order found = { .short_bytes = -1 };
    char text[512] = "", *rest = text;
    int fd = open(orders, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return found;
    ssize_t count = read(fd, text, sizeof text - 1);
    close(fd);
    if (count <= 0) return found;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        if (strcmp(line, "hang") == 0) found.hang = 1;
        if (strcmp(line, "hang-reads") == 0) found.hang_reads = 1;
        if (strcmp(line, "deny") == 0) found.deny = 1;
        sscanf(line, "delay-ms %ld", &found.delay_ms);
        sscanf(line, "fail-every %ld", &found.fail_every);
        sscanf(line, "short %ld", &found.short_bytes);
    }
    return found;
}

static void rest_ms(long ms)
{
    struct timespec left = { ms / 1000, ms % 1000 * 1000000 };
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {}
}

/* What stands before every answer. */
static struct order obey(int is_read)
{
    struct order now = current();
    rest_ms(now.delay_ms);
    while (now.hang || (is_read && now.hang_reads)) {
        rest_ms(5);
        now = current();
    }
    return now;
}

#define AT(path) char at[PATH_MAX]; snprintf(at, sizeof at, "%s%s", folder, path)
#define TOLD(call) ((call) == -1 ? -errno : 0)

static int nas_getattr(const char *path, struct stat *stat, struct fuse_file_info *file)
{
    obey(0);
    AT(path);
    return file ? TOLD(fstat((int)file->fh, stat)) : TOLD(lstat(at, stat));
}

static int nas_readlink(const char *path, char *out, size_t size)
{
    obey(0);
    AT(path);
    ssize_t count = readlink(at, out, size - 1);
    if (count < 0) return -errno;
    out[count] = 0;
    return 0;
}

static int nas_readdir(const char *path, void *out, fuse_fill_dir_t fill, off_t offset, struct fuse_file_info *file,
                       enum fuse_readdir_flags flags)
{
    (void)offset, (void)file, (void)flags;
    struct order now = obey(0);
    if (now.deny) return -EACCES;
    AT(path);
    DIR *dir = opendir(at);
    if (dir == NULL) return -errno;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        struct stat stat = { .st_ino = entry->d_ino, .st_mode = DTTOIF(entry->d_type) };
        if (fill(out, entry->d_name, &stat, 0, 0)) break;
    }
    closedir(dir);
    return 0;
}

static int nas_opendir(const char *path, struct fuse_file_info *file)
{
    (void)path, (void)file;
    return obey(0).deny ? -EACCES : 0;
}

static int opened(const char *path, mode_t mode, struct fuse_file_info *file)
{
    if (obey(0).deny) return -EACCES;
    AT(path);
    int fd = open(at, file->flags | O_CLOEXEC, mode);
    if (fd < 0) return -errno;
    file->fh = (uint64_t)fd;
    return 0;
}

static int nas_open(const char *path, struct fuse_file_info *file) { return opened(path, 0, file); }
static int nas_create(const char *path, mode_t mode, struct fuse_file_info *file) { return opened(path, mode, file); }

static int nas_read(const char *path, char *out, size_t size, off_t offset, struct fuse_file_info *file)
{
    (void)path;
    struct order now = obey(1);
    if (now.fail_every > 0 && ++reads % (unsigned long)now.fail_every == 0) return -EIO;
    if (now.short_bytes >= 0 && offset + (off_t)size > now.short_bytes)
        size = offset >= now.short_bytes ? 0 : (size_t)(now.short_bytes - offset);
    ssize_t count = pread((int)file->fh, out, size, offset);
    return count < 0 ? -errno : (int)count;
}

static int nas_write(const char *path, const char *in, size_t size, off_t offset, struct fuse_file_info *file)
{
    (void)path;
    obey(0);
    ssize_t count = pwrite((int)file->fh, in, size, offset);
    return count < 0 ? -errno : (int)count;
}

static int nas_statfs(const char *path, struct statvfs *found) { obey(0); AT(path); return TOLD(statvfs(at, found)); }
static int nas_access(const char *path, int mask) { obey(0); AT(path); return TOLD(access(at, mask)); }
static int nas_mkdir(const char *path, mode_t mode) { obey(0); AT(path); return TOLD(mkdir(at, mode)); }
static int nas_unlink(const char *path) { obey(0); AT(path); return TOLD(unlink(at)); }
static int nas_rmdir(const char *path) { obey(0); AT(path); return TOLD(rmdir(at)); }
static int nas_symlink(const char *to, const char *path) { obey(0); AT(path); return TOLD(symlink(to, at)); }

static int nas_link(const char *from, const char *path)
{
    obey(0);
    AT(path);
    char source[PATH_MAX];
    snprintf(source, sizeof source, "%s%s", folder, from);
    return TOLD(link(source, at));
}

static int nas_rename(const char *from, const char *path, unsigned int flags)
{
    obey(0);
    AT(path);
    char source[PATH_MAX];
    snprintf(source, sizeof source, "%s%s", folder, from);
    return TOLD(renameat2(AT_FDCWD, source, AT_FDCWD, at, flags));
}

static int nas_chmod(const char *path, mode_t mode, struct fuse_file_info *file)
{
    (void)file;
    obey(0);
    AT(path);
    return TOLD(chmod(at, mode));
}

static int nas_chown(const char *path, uid_t uid, gid_t gid, struct fuse_file_info *file)
{
    (void)file;
    obey(0);
    AT(path);
    return TOLD(lchown(at, uid, gid));
}

static int nas_truncate(const char *path, off_t size, struct fuse_file_info *file)
{
    obey(0);
    AT(path);
    return file ? TOLD(ftruncate((int)file->fh, size)) : TOLD(truncate(at, size));
}

static int nas_utimens(const char *path, const struct timespec times[2], struct fuse_file_info *file)
{
    (void)file;
    obey(0);
    AT(path);
    return TOLD(utimensat(AT_FDCWD, at, times, AT_SYMLINK_NOFOLLOW));
}

static int nas_fsync(const char *path, int data, struct fuse_file_info *file)
{
    (void)path;
    obey(0);
    return TOLD(data ? fdatasync((int)file->fh) : fsync((int)file->fh));
}

static int nas_release(const char *path, struct fuse_file_info *file)
{
    (void)path;
    close((int)file->fh);
    return 0;
}

/* Nothing is remembered by the kernel: every question comes here. */
static void *nas_init(struct fuse_conn_info *conn, struct fuse_config *config)
{
    (void)conn;
    config->use_ino = 1;
    config->attr_timeout = config->entry_timeout = config->negative_timeout = 0;
    return NULL;
}

static const struct fuse_operations operations = {
    .init = nas_init, .getattr = nas_getattr, .readlink = nas_readlink, .opendir = nas_opendir,
    .readdir = nas_readdir, .open = nas_open, .create = nas_create, .read = nas_read, .write = nas_write, .statfs = nas_statfs, .access = nas_access,
    .mkdir = nas_mkdir, .unlink = nas_unlink, .rmdir = nas_rmdir, .symlink = nas_symlink, .link = nas_link,
    .rename = nas_rename, .chmod = nas_chmod, .chown = nas_chown, .truncate = nas_truncate, .utimens = nas_utimens,
    .fsync = nas_fsync, .release = nas_release,
};

int main(int count, char **words)
{
    if (count < 4) return 2;
    folder = words[1];
    orders = words[2];
    words[2] = words[0];
    umask(0);
    return fuse_main(count - 2, words + 2, &operations, NULL);
}
