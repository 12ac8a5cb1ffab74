/* SPDX-License-Identifier: MIT */
/*
 * DEVICE_IDENTITY notify (3GPP TS 24.302 section 8.2.9.2; chapter 28): which device a peer is, an IMEI or
 * IMEISV in TBCD. The gateway asks with an empty one in its first IKE_AUTH answer, where several rounds
 * follow. Or, in whichever way it comes, the peer tells it by itself in a private attribute of its
 * configuration payload, whose number is configured (chapter 20); what stands in it is nowhere said: TBCD or
 * digits are taken. Entry points: ike_device_take(), ike_device_take_attribute(), ike_device_put_request(),
 * ike_device_put(). Called by ike_auth.c, ike_eap.c and their initiators; names and digits are read by shows
 * too.
 */
#include "ike/ike_auth.h"
#include "ike/ike_int.h"

#include <errno.h>
#include <string.h>

#define IMEI_DIGITS   15
#define IMEISV_DIGITS 16
#define VALUE_LEN     IKE_DEVICE_LEN
#define END_MARK      0xf

const char *ike_device_type_name(uint8_t type)
{
	return type == IKE_DEVICE_IMEI ? "IMEI" : type == IKE_DEVICE_IMEISV ? "IMEISV" : "";
}

int ike_device_parse(struct ike_device *d, const char *digits)
{
	size_t n = strlen(digits);

	if ((n != IMEI_DIGITS && n != IMEISV_DIGITS) || strspn(digits, "0123456789") != n)
		return -EINVAL;
	d->type = n == IMEI_DIGITS ? IKE_DEVICE_IMEI : IKE_DEVICE_IMEISV;
	memcpy(d->digits, digits, n + 1);
	return 0;
}

/* want digits and end marks, two to an octet. */
static int from_tbcd(struct ike_device *d, const uint8_t *p, unsigned want)
{
	char digits[2 * VALUE_LEN + 1];

	for (unsigned n = 0; n < 2 * VALUE_LEN; n++) {
		uint8_t digit = p[n / 2] >> (n % 2 ? 4 : 0) & 0xf;

		if (n < want ? digit > 9 : digit != END_MARK)
			return -EBADMSG;
		digits[n] = (char)('0' + digit);
	}
	digits[want] = 0;
	return ike_device_parse(d, digits);
}

static void to_tbcd(const struct ike_device *d, uint8_t *p)
{
	size_t len = strlen(d->digits);

	memset(p, 0, VALUE_LEN);
	for (unsigned n = 0; n < 2 * VALUE_LEN; n++) {
		unsigned digit = n < len ? (unsigned)(d->digits[n] - '0') : END_MARK;

		p[n / 2] = (uint8_t)(p[n / 2] | digit << (n % 2 ? 4 : 0));
	}
}

/* Length of what follows it, type, value. 0, -ENODATA (a question: no value) or -EBADMSG. */
static int decode(struct ike_device *d, const struct ike_buf *data)
{
	if (data->len < 3 || (size_t)(data->p[0] << 8 | data->p[1]) != data->len - 2)
		return -EBADMSG;
	if (data->p[2] != IKE_DEVICE_IMEI && data->p[2] != IKE_DEVICE_IMEISV)
		return -EBADMSG;
	if (data->len == 3)
		return -ENODATA;
	if (data->len != 3 + VALUE_LEN)
		return -EBADMSG;
	return from_tbcd(d, data->p + 3, data->p[2] == IKE_DEVICE_IMEI ? IMEI_DIGITS : IMEISV_DIGITS);
}

void ike_device_take(struct ike_rx *rx)
{
	const struct ike_notify *n = ike_wire_notify(rx->m, IKE_N_DEVICE_IDENTITY);

	if (n && decode(&rx->sa->device, &n->data) == -EBADMSG)
		IKE_CNT(rx->sa, decfail_notifpaylen);
}

void ike_device_take_attribute(struct ike_rx *rx)
{
	uint16_t type = rx->sa->pol->p.imei_attribute;
	const struct ike_buf *cp = &rx->m->cp;
	char digits[IMEISV_DIGITS + 1] = "";
	struct ike_buf v;

	if (!type || !cp->p || !cp->len || cp->p[0] != IKE_CFG_REQUEST || !ike_wire_cp_value(cp, type, &v))
		return;
	if (v.len == VALUE_LEN) {
		from_tbcd(&rx->sa->device, v.p,
		          v.p[VALUE_LEN - 1] >> 4 == END_MARK ? IMEI_DIGITS : IMEISV_DIGITS);
	} else if (v.len == IMEI_DIGITS || v.len == IMEISV_DIGITS) {
		memcpy(digits, v.p, v.len);
		ike_device_parse(&rx->sa->device, digits);
	}
}

void ike_device_attribute(const struct ike_sa *sa, struct ike_cp *cp, uint8_t value[IKE_DEVICE_LEN])
{
	if (!sa->pol->p.imei_attribute || sa->device.type == IKE_DEVICE_NONE)
		return;
	to_tbcd(&sa->device, value);
	cp->own_type = sa->pol->p.imei_attribute;
	cp->own = (struct ike_buf){value, VALUE_LEN};
}

/* IMEISV: it says the more; a device without one answers with its IMEI. */
void ike_device_put_request(struct ike_build *b, struct ike_sa *sa)
{
	static const uint8_t question[] = {0, 1, IKE_DEVICE_IMEISV};

	ike_wire_put_notify(b, 0, 0, 0, IKE_N_DEVICE_IDENTITY, question, sizeof(question));
	ike_notify_count_sent(ike_sa_counters(sa), IKE_N_DEVICE_IDENTITY);
}

void ike_device_put(struct ike_build *b, struct ike_sa *sa)
{
	const struct ike_device *d = &sa->device;
	uint8_t data[3 + VALUE_LEN] = {0, 1 + VALUE_LEN, d->type};

	if (d->type == IKE_DEVICE_NONE)
		return;
	to_tbcd(d, data + 3);
	ike_wire_put_notify(b, 0, 0, 0, IKE_N_DEVICE_IDENTITY, data, sizeof(data));
	ike_notify_count_sent(ike_sa_counters(sa), IKE_N_DEVICE_IDENTITY);
}
