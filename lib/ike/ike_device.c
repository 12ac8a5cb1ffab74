/* SPDX-License-Identifier: MIT */
/*
 * DEVICE_IDENTITY notify (3GPP TS 24.302 section 8.2.9.2; chapter 28): which device a peer is, an IMEI or
 * IMEISV in TBCD. The gateway asks with an empty one in its first IKE_AUTH answer, where several rounds
 * follow. Entry points: ike_device_take(), ike_device_put_request(), ike_device_put(). Called by ike_eap.c
 * and ike_eap_init.c; names and digits are read by shows too.
 */
#include "ike/ike_auth.h"
#include "ike/ike_int.h"

#include <errno.h>
#include <string.h>

#define IMEI_DIGITS   15
#define IMEISV_DIGITS 16
#define VALUE_LEN     8 /* digits, two to an octet */
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

/* Length of what follows it, type, value. 0, -ENODATA (a question: no value) or -EBADMSG. */
static int decode(struct ike_device *d, const struct ike_buf *data)
{
	unsigned want, n = 0;
	char digits[2 * VALUE_LEN + 1];

	if (data->len < 3 || (size_t)(data->p[0] << 8 | data->p[1]) != data->len - 2)
		return -EBADMSG;
	if (data->p[2] != IKE_DEVICE_IMEI && data->p[2] != IKE_DEVICE_IMEISV)
		return -EBADMSG;
	if (data->len == 3)
		return -ENODATA;
	if (data->len != 3 + VALUE_LEN)
		return -EBADMSG;
	want = data->p[2] == IKE_DEVICE_IMEI ? IMEI_DIGITS : IMEISV_DIGITS;
	for (; n < 2 * VALUE_LEN; n++) {
		uint8_t digit = data->p[3 + n / 2] >> (n % 2 ? 4 : 0) & 0xf;

		if (n < want ? digit > 9 : digit != END_MARK)
			return -EBADMSG;
		digits[n] = (char)('0' + digit);
	}
	digits[want] = 0;
	return ike_device_parse(d, digits);
}

void ike_device_take(struct ike_rx *rx)
{
	const struct ike_notify *n = ike_wire_notify(rx->m, IKE_N_DEVICE_IDENTITY);

	if (n && decode(&rx->sa->device, &n->data) == -EBADMSG)
		IKE_CNT(rx->sa, decfail_notifpaylen);
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
	size_t len = strlen(d->digits);

	if (d->type == IKE_DEVICE_NONE)
		return;
	for (unsigned n = 0; n < 2 * VALUE_LEN; n++) {
		unsigned digit = n < len ? (unsigned)(d->digits[n] - '0') : END_MARK;

		data[3 + n / 2] = (uint8_t)(data[3 + n / 2] | digit << (n % 2 ? 4 : 0));
	}
	ike_wire_put_notify(b, 0, 0, 0, IKE_N_DEVICE_IDENTITY, data, sizeof(data));
	ike_notify_count_sent(ike_sa_counters(sa), IKE_N_DEVICE_IDENTITY);
}
