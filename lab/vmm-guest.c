// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an unprivileged process does with an assigned device, in the guest of lab/vmm:
 *
 * vmm-guest stores RESOURCE_WC RESOURCE
 *	accesses a BAR through the files that sysfs has for it: every line is one of
 *	the kinds of access that a program makes without thinking about it
 * vmm-guest draw CARD
 *	shows a picture as any compositor does it: a framebuffer of the device's own
 *	memory, which the guest's bochs driver maps write-combined
 *
 * Each access is a process of its own and a line "vmm| NAME | RESULT": ok, wrong data, or
 * the signal that ended it. "vmm: begin NAME" stands before, for the VM that ends there.
 */
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <drm/drm.h>
#include <drm/drm_mode.h>

#define NOBODY	65534
#define MAGIC	0x0123456789abcdefULL

/* One instruction each: a compiler may make two of an unaligned access in C. */
static void store8(void *at, uint64_t value)
{
	asm volatile("str %1, [%0]" : : "r"(at), "r"(value) : "memory");
}

static uint64_t load8(const void *at)
{
	uint64_t value;

	asm volatile("ldr %0, [%1]" : "=r"(value) : "r"(at) : "memory");
	return value;
}

/* What the BAR holds at first. */
static char pattern[4096];

static bool aligned(char *bar)
{
	store8(bar + 3072, MAGIC);
	return load8(bar + 3072) == MAGIC;
}

static bool unaligned_store(char *bar)
{
	store8(bar + 2049, MAGIC);
	store8(pattern + 2049, MAGIC);
	return load8(bar + 2048) == load8(pattern + 2048) &&
	       load8(bar + 2056) == load8(pattern + 2056);
}

static bool unaligned_load(char *bar)
{
	return load8(bar + 1) == load8(pattern + 1);
}

static bool copy(char *bar)
{
	char back[1001];

	memcpy(bar + 3, pattern, sizeof(back));
	memcpy(back, bar + 3, sizeof(back));
	return !memcmp(back, pattern, sizeof(back));
}

/* glibc zeroes with DC ZVA. */
static bool zero(char *bar)
{
	memset(bar, 0, sizeof(pattern));
	return !load8(bar) && !load8(bar + sizeof(pattern) - 8);
}

static void *map(const char *path, size_t size)
{
	int fd = open(path, O_RDWR);
	void *mem = MAP_FAILED;

	if (fd >= 0)
		mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED)
		err(1, "%s", path);
	close(fd);
	return mem;
}

/*
 * A process, because its first access misses the TLB: there QEMU's emulation takes an Alignment
 * fault due to stage 2 to EL2, as hardware always does. When it hits, the guest gets the fault.
 */
static void result(const char *name, bool (*run)(char *), char *mem)
{
	int status;
	pid_t pid;

	printf("vmm: begin %s\n", name);
	pid = fork();
	if (!pid)
		_exit(!run(mem));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		err(1, "%s", name);
	printf("vmm| %s | %s\n", name, WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) :
	       WEXITSTATUS(status) ? "wrong data" : "ok");
}

static void stores(const char *wc_path, const char *path)
{
	char *wc = map(wc_path, sizeof(pattern)), *uc = map(path, sizeof(pattern));

	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = i * 7;
	for (size_t i = 0; i < sizeof(pattern); i += 8)
		store8(wc + i, load8(pattern + i));
	result("resource2_wc: 8-byte store and load, aligned", aligned, wc);
	result("resource2_wc: 8-byte store, unaligned", unaligned_store, wc);
	result("resource2_wc: 8-byte load, unaligned", unaligned_load, wc);
	result("resource2_wc: memcpy() of 1001 bytes to offset 3", copy, wc);
	result("resource2_wc: memset() of 4096 bytes to 0", zero, wc);
	result("resource2: 8-byte store and load, aligned", aligned, uc);
	result("resource2: 8-byte store, unaligned", unaligned_store, uc);
}

enum { WIDTH = 640, HEIGHT = 480 };
static uint32_t picture[HEIGHT][WIDTH];

/* 3x5 pixels a letter, the top row in the highest three bits. */
static const struct { char letter; uint16_t dots; } font[] = {
	{ 'A', 025755 }, { 'B', 065656 }, { 'C', 034443 }, { 'D', 065556 }, { 'E', 074647 },
	{ 'F', 074644 }, { 'G', 034553 }, { 'H', 055755 }, { 'I', 072227 }, { 'M', 057755 },
	{ 'N', 065555 }, { 'O', 025552 }, { 'R', 065655 }, { 'S', 034216 }, { 'T', 072222 },
	{ 'U', 055557 }, { 'V', 055552 }, { 'W', 055775 }, { 'Y', 055222 },
	{ '-', 000700 },
};

static void write_text(const char *text, int x, int y, int scale, uint32_t colour)
{
	for (; *text; text++, x += 4 * scale)
		for (size_t i = 0; i < sizeof(font) / sizeof(font[0]); i++)
			for (int dot = 0; font[i].letter == *text && dot < 15 * scale * scale; dot++) {
				int row = dot / (3 * scale), column = dot % (3 * scale);

				if (font[i].dots >> (14 - row / scale * 3 - column / scale) & 1)
					picture[y + row][x + column] = colour;
			}
}

static void paint(void)
{
	for (int y = 0; y < HEIGHT; y++)
		for (int x = 0; x < WIDTH; x++)
			picture[y][x] = (x * 127 / WIDTH) << 16 | (y * 127 / HEIGHT) << 8 | (x ^ y) % 128;
	write_text("DRAWN BY THE GUEST", 32, 64, 8, 0xffffff);
	write_text("WRITE-COMBINED", 40, 200, 10, 0xffffff);
	write_text("ON AN ASSIGNED DEVICE", 36, 360, 6, 0xffffff);
}

/* Of the bytes red, green, blue, as in the screenshot's file. */
static uint32_t picture_crc32(void)
{
	uint32_t crc = ~0U;

	for (int i = 0; i < WIDTH * HEIGHT * 3; i++) {
		crc ^= picture[0][i / 3] >> (16 - i % 3 * 8) & 0xff;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

#define drm(fd, call, arg) do {							\
	if (ioctl(fd, DRM_IOCTL_MODE_##call, arg))				\
		err(1, #call);							\
} while (0)

static struct drm_mode_modeinfo find_mode(int fd, uint32_t connector)
{
	static struct drm_mode_modeinfo modes[64];
	struct drm_mode_get_connector get = { .connector_id = connector };

	drm(fd, GETCONNECTOR, &get);
	get = (struct drm_mode_get_connector) {
		.connector_id = connector,
		.modes_ptr = (uintptr_t)modes,
		.count_modes = get.count_modes < 64 ? get.count_modes : 64,
	};
	drm(fd, GETCONNECTOR, &get);
	for (uint32_t i = 0; i < get.count_modes; i++)
		if (modes[i].hdisplay == WIDTH && modes[i].vdisplay == HEIGHT)
			return modes[i];
	errx(1, "no mode %dx%d among %u", WIDTH, HEIGHT, get.count_modes);
}

/* A framebuffer on the screen. It is in the device's memory from the moment that it is shown. */
static char *show_framebuffer(int fd, uint32_t *pitch)
{
	uint32_t crtcs[8], connectors[8];
	struct drm_mode_card_res res = {
		.crtc_id_ptr = (uintptr_t)crtcs, .count_crtcs = 8,
		.connector_id_ptr = (uintptr_t)connectors, .count_connectors = 8,
	};
	struct drm_mode_create_dumb dumb = { .width = WIDTH, .height = HEIGHT, .bpp = 32 };
	struct drm_mode_map_dumb where = { };
	struct drm_mode_fb_cmd fb = { .width = WIDTH, .height = HEIGHT, .bpp = 32, .depth = 24 };
	struct drm_mode_crtc crtc = { .count_connectors = 1, .mode_valid = 1 };
	char *mem;

	drm(fd, GETRESOURCES, &res);
	drm(fd, CREATE_DUMB, &dumb);
	fb.pitch = dumb.pitch;
	fb.handle = dumb.handle;
	drm(fd, ADDFB, &fb);
	crtc.crtc_id = crtcs[0];
	crtc.fb_id = fb.fb_id;
	crtc.set_connectors_ptr = (uintptr_t)connectors;
	crtc.mode = find_mode(fd, connectors[0]);
	drm(fd, SETCRTC, &crtc);
	where.handle = dumb.handle;
	drm(fd, MAP_DUMB, &where);
	mem = mmap(NULL, dumb.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, where.offset);
	if (mem == MAP_FAILED)
		err(1, "mapping the framebuffer");
	*pitch = dumb.pitch;
	return mem;
}

static uint32_t pitch;

/* Pairs of pixels, the first of which is at an odd place: 8 bytes that are not aligned. Then the edges. */
static bool draw_picture(char *mem)
{
	for (int y = 0; y < HEIGHT; y++) {
		char *to = mem + (size_t)y * pitch, *from = (char *)picture[y];

		for (int i = 4; i + 8 <= WIDTH * 4; i += 8)
			store8(to + i, load8(from + i));
		*(uint32_t *)to = picture[y][0];
		*(uint32_t *)(to + WIDTH * 4 - 4) = picture[y][WIDTH - 1];
		if (memcmp(to, from, WIDTH * 4))
			return false;
	}
	return true;
}

static void draw(const char *card)
{
	int fd = open(card, O_RDWR);

	if (fd < 0)
		err(1, "%s", card);
	paint();
	result("/dev/dri/card0: a picture by unaligned stores", draw_picture, show_framebuffer(fd, &pitch));
	printf("vmm: crc32 %08x\n", picture_crc32());
	puts("vmm: look");
	/* The picture goes with this process: leave lab/vmm the time for a screenshot. */
	sleep(20);
}

int main(int argc, char **argv)
{
	setlinebuf(stdout);
	if (setgid(NOBODY) || setuid(NOBODY))
		err(1, "becoming nobody");
	printf("vmm: process of user %u\n", getuid());
	if (argc == 4 && !strcmp(argv[1], "stores")) {
		stores(argv[2], argv[3]);
		puts("vmm: look");
		sleep(5);
	} else if (argc == 3 && !strcmp(argv[1], "draw")) {
		draw(argv[2]);
	} else {
		errx(2, "usage: vmm-guest stores RESOURCE_WC RESOURCE | draw CARD");
	}
	return 0;
}
