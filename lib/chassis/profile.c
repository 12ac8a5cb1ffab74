/* SPDX-License-Identifier: MIT */
/* Profiles. See profile.h for who reads them; the notation is `keyword values…`, # starts a comment. */
#include "chassis/profile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *profile_slot_type(const struct profile *p, unsigned slot)
{
	if (slot > PROFILE_SLOTS_MAX)
		return "";
	return p->card[slot] ? p->card[slot]->slot_type : p->slot_type[slot];
}

struct number_row {
	const char *word;
	size_t first, second; /* offsets; second 0: one number */
	unsigned min, max;
};

#define AT(f) offsetof(struct profile, f)
static const struct number_row numbers[] = {
        {"slots", AT(slots), 0, 1, PROFILE_SLOTS_MAX},
        {"ipsecmgr-per-card", AT(ipsecmgr_per_card), 0, 1, 16},
        {"sessmgr-per-cpu", AT(sessmgr_per_cpu), 0, 1, 48},
        {"standby-sessmgr-per-cpu", AT(standby_sessmgr_per_cpu), 0, 0, 48},
        {"standby-ipsecmgr", AT(standby_ipsecmgr), 0, 0, 48},
        {"fan-trays", AT(fan_trays), 0, 0, 4},
        {"power-feeds", AT(power_feeds), 0, 0, 2},
        {"fabric-cards", AT(fabric_cards), 0, 0, PROFILE_SLOTS_MAX},
        {"task-heartbeat", AT(task_heartbeat_ms), AT(task_hang_ms), 50, 60000},
        {"task-restart", AT(task_restart_ms), AT(task_restart_max_ms), 1, 600000},
        {"card-heartbeat", AT(card_heartbeat_ms), AT(card_hang_ms), 50, 60000},
        {"card-reboot", AT(card_reboot_ms), 0, 0, 600000},
};

static int number_line(struct profile *p, const struct number_row *r, const char *rest, char *err,
                       size_t size)
{
	unsigned v[2] = {0, 0};
	int want = r->second ? 2 : 1;

	if (sscanf(rest, "%u %u", &v[0], &v[1]) < want) {
		snprintf(err, size, "%s needs %d number%s", r->word, want, want > 1 ? "s" : "");
		return -EINVAL;
	}
	for (int i = 0; i < want; i++)
		if (v[i] < r->min || v[i] > r->max) {
			snprintf(err, size, "%s %u is out of range; the legal range is %u to %u", r->word,
			         v[i], r->min, r->max);
			return -ERANGE;
		}
	*(unsigned *)((char *)p + r->first) = v[0];
	if (r->second)
		*(unsigned *)((char *)p + r->second) = v[1];
	return 0;
}

/* slot N TYPE [SERIAL] */
static int slot_line(struct profile *p, const char *rest, char *err, size_t size)
{
	unsigned slot;
	char type[16], serial[PROFILE_SERIAL_MAX] = "", more[2];
	int n = sscanf(rest, "%u %15s %15s %1s", &slot, type, serial, more);

	if (n < 2 || n > 3 || slot < 1 || slot > PROFILE_SLOTS_MAX) {
		snprintf(err, size,
		         "slot needs a number from 1 to %d, a card type and at most a serial number",
		         PROFILE_SLOTS_MAX);
		return -EINVAL;
	}
	p->card[slot] = card_type_find(type);
	if (!p->card[slot]) {
		snprintf(err, size, "unknown card type \"%s\"", type);
		return -EINVAL;
	}
	if (serial[0])
		memcpy(p->serial[slot], serial, sizeof(serial));
	else
		profile_serial(slot, p->serial[slot], sizeof(p->serial[slot]));
	return 0;
}

/* empty N SLOT-TYPE: a slot without a card */
static int empty_line(struct profile *p, const char *rest, char *err, size_t size)
{
	unsigned slot;
	char type[8];

	if (sscanf(rest, "%u %7s", &slot, type) != 2 || slot < 1 || slot > PROFILE_SLOTS_MAX) {
		snprintf(err, size, "empty needs a number from 1 to %d and a slot type", PROFILE_SLOTS_MAX);
		return -EINVAL;
	}
	memcpy(p->slot_type[slot], type, sizeof(type));
	return 0;
}

static int text_line(const char *rest, char *out, size_t out_size)
{
	size_t n = strlen(rest);

	if (n >= 2 && rest[0] == '"' && rest[n - 1] == '"') {
		rest++;
		n -= 2;
	}
	if (!n || n >= out_size)
		return -EINVAL;
	memcpy(out, rest, n);
	out[n] = 0;
	return 0;
}

static int line_read(struct profile *p, char *line, char *err, size_t size)
{
	char word[32];
	int used = 0;

	line[strcspn(line, "#\r\n")] = 0;
	if (sscanf(line, " %31s %n", word, &used) < 1)
		return 0;
	for (size_t n = strlen(line); n && line[n - 1] == ' ';)
		line[--n] = 0;
	if (!strcmp(word, "slot"))
		return slot_line(p, line + used, err, size);
	if (!strcmp(word, "empty"))
		return empty_line(p, line + used, err, size);
	if (!strcmp(word, "name") || !strcmp(word, "model")) {
		snprintf(err, size, "%s needs a text", word);
		return word[0] == 'n' ? text_line(line + used, p->name, sizeof(p->name))
		                      : text_line(line + used, p->model, sizeof(p->model));
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (!strcmp(numbers[i].word, word))
			return number_line(p, &numbers[i], line + used, err, size);
	snprintf(err, size, "unknown word \"%s\"", word);
	return -EINVAL;
}

int profile_read(const char *path, struct profile *p, char *err, size_t err_size)
{
	FILE *f = fopen(path, "re");
	char line[256], why[160] = "";
	int n = 0, rc = 0;
	bool management = false;

	memset(p, 0, sizeof(*p));
	p->task_restart_ms = 500;
	p->task_restart_max_ms = 30000;
	if (!f) {
		rc = -errno;
		snprintf(err, err_size, "%s: %s", path, strerror(errno));
		return rc;
	}
	while (rc == 0 && fgets(line, sizeof(line), f)) {
		n++;
		rc = line_read(p, line, why, sizeof(why));
	}
	fclose(f);
	if (rc < 0) {
		snprintf(err, err_size, "%s line %d: %s", path, n, why);
		return rc;
	}
	for (unsigned s = 1; s <= PROFILE_SLOTS_MAX; s++)
		management |= p->card[s] && p->card[s]->management;
	if (!management || !p->slots || !p->task_heartbeat_ms || !p->card_heartbeat_ms) {
		snprintf(err, err_size, "%s: a profile needs slots, heartbeats and a management card", path);
		return -EINVAL;
	}
	return 0;
}

const char *profile_serial(unsigned slot, char *buf, size_t size)
{
	snprintf(buf, size, "ORR%08u", slot * 1000003u % 100000000u);
	return buf;
}
