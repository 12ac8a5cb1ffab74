/* SPDX-License-Identifier: MIT */
/*
 * Frames of the SRP link: 4 bytes length, big-endian, and a protobuf SrpFrame; every field is bounded here,
 * before anybody acts on it. Also the saved state's blob and the name tables of states, modes and reasons.
 * Called by tasks/srp (frames), srp.c, the fuzzer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/pack.h"
#include "srp/srp_int.h"

static const char *const state_names[SRP_STATES] = {"Init", "Active", "Standby", "Pending Active",
                                                    "Pending Standby"};
static const char *const mode_names[] = {"Primary", "Backup"};
static const struct {
	enum srp_reason why;
	const char *name;
} reasons[] = {
        {SRP_WHY_NOT_DEFINED, "None"},          {SRP_WHY_DUAL_ACTIVE, "Dual Active"},
        {SRP_WHY_DUAL_STANDBY, "Dual Standby"}, {SRP_WHY_DEAD_TIMER, "Dead Timer Expiry"},
        {SRP_WHY_FORCE, "Force State Change"},  {SRP_WHY_MANUAL, "Manual Switchover"},
};

const char *srp_state_name(enum srp_state s)
{
	return (unsigned)s < SRP_STATES ? state_names[s] : "Unknown";
}

int srp_state_parse(const char *name)
{
	for (int i = 0; i < SRP_STATES; i++)
		if (!strcmp(name, state_names[i]))
			return i;
	return -EINVAL;
}

const char *srp_mode_name(enum srp_mode m)
{
	return mode_names[m == SRP_PRIMARY ? 0 : 1];
}

int srp_mode_parse(const char *name)
{
	for (int i = 0; i < 2; i++)
		if (!strcmp(name, mode_names[i]))
			return i;
	return -EINVAL;
}

const char *srp_reason_name(enum srp_reason r)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].why == r)
			return reasons[i].name;
	return "Unknown";
}

/* --- framing
 * ------------------------------------------------------------------------------------------------ */

int64_t srp_frame_need(const uint8_t *buf, size_t len)
{
	uint32_t n;

	if (len < SRP_FRAME_HEAD)
		return 0;
	n = (uint32_t)buf[0] << 24 | (uint32_t)buf[1] << 16 | (uint32_t)buf[2] << 8 | buf[3];
	if (!n || n > SRP_FRAME_MAX)
		return -EMSGSIZE;
	return len - SRP_FRAME_HEAD < n ? 0 : (int64_t)n + SRP_FRAME_HEAD;
}

static bool hello_fits(const SrpHello *h)
{
	return h->version == SRP_VERSION && strlen(h->chassis) < SRP_NAME_LEN &&
	       srp_state_parse(h->state) >= 0 && srp_mode_parse(h->mode) >= 0 &&
	       strlen(h->tiebreaker) < SRP_MAC_LEN && strlen(h->config_checksum) < 24;
}

static bool rows_fit(const SrpRows *r)
{
	if (r->n_rows > SRP_SHIP_ROWS)
		return false;
	for (size_t i = 0; i < r->n_rows; i++) {
		const CkptRow *row = r->rows[i];
		size_t kind = strlen(row->kind), key = strlen(row->key);

		if (!kind || kind > 64 || key > 512 || strlen(row->owner) > 64 ||
		    !strcmp(row->kind, SRP_SAVED_KIND))
			return false;
		if (row->deleted && row->blob.len)
			return false;
	}
	return true;
}

static bool frame_fits(const SrpFrame *f)
{
	switch (f->body_case) {
	case SRP_FRAME__BODY_HELLO:
		return hello_fits(f->hello);
	case SRP_FRAME__BODY_ROWS:
		return rows_fit(f->rows);
	case SRP_FRAME__BODY_ACK:
		return strlen(f->ack->error) <= 256;
	case SRP_FRAME__BODY_SWITCHOVER:
		return strlen(f->switchover->reason) <= 256;
	case SRP_FRAME__BODY_SWITCHOVER_REPLY:
		return strlen(f->switchover_reply->reason) <= 256;
	default:
		return false;
	}
}

SrpFrame *srp_frame_parse(const uint8_t *buf, size_t len)
{
	SrpFrame *f = len && len <= SRP_FRAME_MAX ? srp_frame__unpack(NULL, len, buf) : NULL;

	if (f && !frame_fits(f)) {
		srp_frame__free_unpacked(f, NULL);
		f = NULL;
	}
	return f;
}

uint8_t *srp_frame_pack(const SrpFrame *f, size_t *len)
{
	size_t n = srp_frame__get_packed_size(f);
	uint8_t *buf;

	if (n > SRP_FRAME_MAX || !(buf = malloc(n + SRP_FRAME_HEAD)))
		return NULL;
	buf[0] = (uint8_t)(n >> 24);
	buf[1] = (uint8_t)(n >> 16);
	buf[2] = (uint8_t)(n >> 8);
	buf[3] = (uint8_t)n;
	srp_frame__pack(f, buf + SRP_FRAME_HEAD);
	*len = n + SRP_FRAME_HEAD;
	return buf;
}

/* --- saved state
 * --------------------------------------------------------------------------------------------- */

size_t srp_frame_save(const struct srp_saved *s, uint8_t blob[SRP_SAVED_MAX])
{
	struct pack_writer w;

	pack_writer_init(&w, blob, SRP_SAVED_MAX);
	pack_put_u8(&w, SRP_VERSION);
	pack_put_u8(&w, (uint8_t)s->state);
	pack_put_u64(&w, s->epoch);
	pack_put_u64(&w, s->serve_epoch);
	pack_put_u64(&w, s->seen_epoch);
	pack_put_u64(&w, s->data_epoch);
	pack_put_u32(&w, s->switchovers);
	return w.len;
}

int srp_frame_load(struct srp_saved *s, const void *blob, size_t len)
{
	struct pack_reader r;
	uint8_t version, state;

	memset(s, 0, sizeof(*s));
	pack_reader_init(&r, blob, len);
	version = pack_get_u8(&r);
	state = pack_get_u8(&r);
	s->epoch = pack_get_u64(&r);
	s->serve_epoch = pack_get_u64(&r);
	s->seen_epoch = pack_get_u64(&r);
	s->data_epoch = pack_get_u64(&r);
	s->switchovers = pack_get_u32(&r);
	if (!pack_done(&r) || version != SRP_VERSION || state >= SRP_STATES) {
		memset(s, 0, sizeof(*s));
		return -EINVAL;
	}
	s->state = (enum srp_state)state;
	return 0;
}
