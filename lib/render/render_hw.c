/* SPDX-License-Identifier: MIT */
/*
 * The hardware: lights, temperatures, fans, power, what is on the cards, their diagnostics, the disk array.
 * Columns of layouts/ (show_leds, show_temperature, show_fans, show_power_chassis, show_card_hardware,
 * show_hd_raid_verbose). The block of show card diag but for Card Usable and Card Tests, the failure forms of
 * show power chassis and show hd raid, and `verbose` of show temperature are ours.
 */
#include "render/render.h"

#include <stdio.h>
#include <string.h>
#include "base/clock.h"

static bool state_is(const json_t *c, const char *state)
{
	return !strcmp(render_str(c, "state"), state);
}

/* --- lights
 * --------------------------------------------------------------------------------------------------- */

void render_led_words(const json_t *c, struct cli_out *out)
{
	const json_t *l = json_object_get(c, "leds");

	cli_out_printf(out, "Run/Fail: %s  | Active: %s  | Redundant: %s", render_str(l, "run_fail"),
	               render_str(l, "active"), render_str(l, "redundant"));
}

/* A management card has Master; a status card tells of the whole chassis. */
void render_leds(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *c;
	size_t i;

	json_array_foreach(render_list(j, "cards"), i, c)
	{
		bool on = strcmp(render_str(json_object_get(c, "leds"), "run_fail"), "Off") &&
		          !state_is(c, "offline");

		cli_out_printf(out, "Slot %02lld: ", render_num(c, "slot"));
		render_led_words(c, out);
		if (render_flag(c, "management"))
			cli_out_printf(out, "  | Master: %s",
			               on && render_flag(c, "master") ? "Green" : "Off");
		if (!strcmp(render_str(c, "slot_type"), "SSC"))
			cli_out_printf(out, "  | Status: %s  | Service: %s",
			               !on                         ? "Off"
			               : render_flag(j, "trouble") ? "Red"
			                                           : "Green",
			               on && render_flag(j, "service") ? "Amber" : "Off");
		cli_out_put(out, "\n");
	}
}

/* --- air and power
 * -------------------------------------------------------------------------------------------- */

static const json_t *fan(const json_t *j, const char *name)
{
	const json_t *f;
	size_t i;

	json_array_foreach(render_list(j, "fans"), i, f) if (!strcmp(render_str(f, "name"), name)) return f;
	return NULL;
}

void render_temperature(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	static const char *const order[] = {"Lower Rear", "Upper Rear", "Lower Front", "Upper Front"};
	const json_t *c, *s;
	size_t i;

	json_array_foreach(render_list(j, "cards"), i, c)
	{
		s = json_object_get(c, "sensors");
		if (!s)
			continue;
		cli_out_printf(out, "Card %2lld:   %s\n", render_num(c, "slot"),
		               state_is(c, "offline") ? "Offline" : render_str(s, "heat"));
		if (render_has(cmd, "verbose") && !state_is(c, "offline"))
			cli_out_printf(out, "  Card temperature: %lld C (limit %lld C)\n",
			               render_num(s, "temperature"), render_num(s, "limit"));
	}
	for (i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		const json_t *f = fan(j, order[i]);

		if (f && strcmp(render_str(f, "state"), "Not Present"))
			cli_out_printf(out, "Fan %s: %lld C\n", order[i], render_num(f, "temperature"));
	}
}

void render_fans(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *f;
	size_t i;

	json_array_foreach(render_list(j, "fans"), i, f)
	{
		bool in = strcmp(render_str(f, "state"), "Not Present") != 0;

		cli_out_printf(out, "%-12s Fan Tray: State=%-25s", render_str(f, "name"),
		               render_str(f, "state"));
		if (in)
			cli_out_printf(out, " Speed=%lld%% Temp=%lld C", render_num(f, "percent"),
			               render_num(f, "temperature"));
		cli_out_put(out, "\n");
	}
}

void render_power_chassis(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *f;
	size_t i;
	bool good = true;

	json_array_foreach(render_list(j, "feeds"), i, f) good &= !strcmp(render_str(f, "state"), "Normal");
	if (good) {
		cli_out_put(out, "All power sources are good\n");
		return;
	}
	json_array_foreach(render_list(j, "feeds"), i, f)
	        cli_out_printf(out, "Power Filter Unit %s: %s\n", render_str(f, "name"),
	                       !strcmp(render_str(f, "state"), "Normal") ? "Good" : render_str(f, "state"));
}

/* --- cards
 * ---------------------------------------------------------------------------------------------------- */

static void row(struct cli_out *out, const char *label, const char *value)
{
	cli_out_printf(out, "  %-23s : %s\n", label, value);
}

/* CPU n and what is on it; haswell: the newer generation, with the parts seen on it. */
static void cpu_hardware(const json_t *h, long long cpu, struct cli_out *out)
{
	static const char *const dimms[] = {"N0C0D0", "N0C1D0", "N1C0D0", "N1C1D0",
	                                    "N0C2D0", "N1C2D0", "N0C3D0", "N1C3D0"};
	const char *chipset = render_str(h, "chipset");
	char label[40], text[80];
	bool crypto = !strncmp(chipset, "DH89", 4);

	for (long long s = 0; s < render_num(h, "sockets"); s++) {
		snprintf(label, sizeof(label), "CPU %lld Type/Memory", cpu);
		snprintf(text, sizeof(text), "Socket %lld: %.50s", s, render_str(h, "socket"));
		row(out, s ? "" : label, text);
	}
	snprintf(text, sizeof(text), "%s%.30s%s%lld GB", *chipset ? "Chipset: " : "", chipset,
	         *chipset ? ", " : "", render_num(h, "memory_gb"));
	row(out, "", text);
	for (long long d = 0; d < render_num(h, "memory_gb") / 16 && d < 8; d++) {
		snprintf(label, sizeof(label), "CPU %lld DIMM-%s P/N", cpu, dimms[d]);
		row(out, label, "16G-DDR4-SIM01");
	}
	snprintf(label, sizeof(label), "CPU %lld BIOS", cpu);
	row(out, label, "on-card-a 0.9.1, on-card-b 0.9.1");
	if (crypto) {
		snprintf(label, sizeof(label), "CPU %lld i82599", cpu);
		row(out, label, "eeprom-a 0.0.1");
		snprintf(label, sizeof(label), "CPU %lld i210", cpu);
		row(out, label, "eeprom-a 0.0.1");
	}
	snprintf(label, sizeof(label), "CPU %lld CFE Loaded", cpu);
	row(out, label, "on-card 3.9.0");
	snprintf(label, sizeof(label), "CPU %lld CFE ROM", cpu);
	row(out, label, "on-card-a 3.9.0, on-card-b 3.9.0");
	if (crypto) {
		snprintf(label, sizeof(label), "CPU %lld DH89XXCC", cpu);
		row(out, label, "on-card 0.9.0");
	}
}

static void card_hardware(const json_t *c, struct cli_out *out)
{
	const json_t *h = json_object_get(c, "hardware");
	char text[80];

	cli_out_printf(out, "Card %lld:\n", render_num(c, "slot"));
	snprintf(text, sizeof(text), "%.60s%s", render_str(c, "description"),
	         *render_str(h, "product") ? " (R01)" : "");
	row(out, "Card Type", text);
	row(out, "Description", render_str(c, "type"));
	if (!*render_str(h, "product"))
		return; /* virtual: the hypervisor knows */
	row(out, "Cisco Part Number", render_str(h, "part"));
	row(out, "UDI Serial Number", render_str(h, "serial"));
	row(out, "UDI Product ID", render_str(h, "product"));
	row(out, "UDI Version ID", "V01");
	row(out, "UDI Top Assem Num", render_str(h, "top_assembly"));
	row(out, "Card Programmables", render_flag(c, "upgrading") ? "being upgraded" : "up to date");
	if (render_num(h, "crypto_cores")) {
		row(out, "BCF2", "on-card 0.11.0");
		row(out, "CAF2", "on-card 0.0.11");
	}
	for (long long i = 0; i < render_num(c, "cpus"); i++)
		cpu_hardware(h, i, out);
}

/* Blocks follow each other without a blank line. */
void render_card_hardware(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *c;
	size_t i;

	json_array_foreach(render_list(j, "cards"), i, c) card_hardware(c, out);
}

static const char *tests_word(const json_t *c)
{
	if (state_is(c, "offline"))
		return render_flag(c, "failed") ? "Fail" : "Not Run";
	if (state_is(c, "booting"))
		return "Running";
	return render_flag(c, "usable") ? "Pass" : "Fail";
}

static void card_diag(const json_t *c, struct cli_out *out)
{
	const json_t *s = json_object_get(c, "sensors");
	char state[32], text[64];

	cli_out_printf(out, "Card %lld:\n", render_num(c, "slot"));
	row(out, "Card Usable", render_yes(render_flag(c, "usable")));
	row(out, "Card Tests", tests_word(c));
	row(out, "Operational State", render_title(render_str(c, "state"), state, sizeof(state)));
	if (!s || state_is(c, "offline"))
		return;
	snprintf(text, sizeof(text), "%lld C (limit %lld C), %s", render_num(s, "temperature"),
	         render_num(s, "limit"), render_str(s, "heat"));
	row(out, "Temperature", text);
	snprintf(text, sizeof(text), "%.2f V, %s", (double)render_num(s, "millivolts") / 1000,
	         render_str(s, "supply"));
	row(out, "Voltage 12 V", text);
}

void render_card_diag(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *c;
	size_t i;

	json_array_foreach(render_list(j, "cards"), i, c)
	{
		if (i)
			cli_out_put(out, "\n");
		card_diag(c, out);
	}
}

/* --- the disk array
 * ------------------------------------------------------------------------------------------- */

static void size_words(long long gb, char *buf, size_t size)
{
	if (gb >= 1000)
		snprintf(buf, size, "%.1fTB (%lld bytes)", (double)gb / 1000, gb * 1000000000);
	else
		snprintf(buf, size, "%lldGB (%lld bytes)", gb, gb * 1000000000);
}

static void raid_card(const json_t *r, const json_t *c, struct cli_out *out)
{
	bool in = render_flag(c, "in_sync");
	long long slot = render_num(c, "slot");
	char date[CLOCK_TEXT_MAX], size[64];

	cli_out_printf(out, "  Card %lld\n", slot);
	cli_out_printf(out, "    %-23s : %s\n", "State", in ? "In-sync card" : "Missing card");
	if (!in)
		return;
	cli_out_printf(out, "    %-23s : %s\n", "Created",
	               clock_format_trap(date, sizeof(date), (uint64_t)render_num(r, "created"), CLOCK_UTC));
	cli_out_printf(out, "    %-23s : %s\n", "Updated",
	               clock_format_trap(date, sizeof(date), (uint64_t)render_num(r, "updated"), CLOCK_UTC));
	cli_out_printf(out, "    %-23s : %lld\n", "Events", render_num(r, "events"));
	cli_out_printf(out, "    %-23s : FSC%lld %s\n", "Description", slot, render_str(c, "serial"));
	size_words(render_num(c, "disk_gb") * render_num(c, "disks"), size, sizeof(size));
	cli_out_printf(out, "    %-23s : %s\n", "Size", size);
	size_words(render_num(c, "disk_gb"), size, sizeof(size));
	for (long long d = 0; d < render_num(c, "disks"); d++) {
		cli_out_printf(out, "    Disk hd%lld%c\n", slot, (char)('a' + d));
		cli_out_printf(out, "      %-21s : In-sync component\n", "State");
		cli_out_printf(out, "      %-21s : ORRERY SSD-%lld F001\n", "Model",
		               render_num(c, "disk_gb"));
		cli_out_printf(out, "      %-21s : SIM%015lld%02lld\n", "Serial Number", d, slot);
		cli_out_printf(out, "      %-21s : %s\n", "Size", size);
	}
}

void render_hd_raid(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *r = json_object_get(j, "raid"), *c;
	long long missing = render_num(r, "missing");
	char size[64];
	size_t i;

	cli_out_put(out, "HD RAID:\n");
	cli_out_printf(out, "  %-25s : %s\n", "State",
	               !missing       ? "Available (clean)"
	               : missing == 1 ? "Available (degraded)"
	                              : "Not available (failed)");
	cli_out_printf(out, "  %-25s : %s\n", "Degraded", render_yes(missing > 0));
	cli_out_printf(out, "  %-25s : %s\n", "UUID", render_str(r, "uuid"));
	size_words(render_num(r, "size_gb"), size, sizeof(size));
	cli_out_printf(out, "  %-25s : %s\n", "Size", size);
	cli_out_printf(out, "  %-25s : Idle\n", "Action");
	if (!render_has(cmd, "verbose"))
		return;
	json_array_foreach(render_list(r, "cards"), i, c) raid_card(r, c, out);
}

/* The layout is ours: StarOS's is not known. */
void render_fabric(const json_t *j, const struct cli_cmd *cmd, struct cli_out *out)
{
	const json_t *f = json_object_get(j, "fabric"), *c;
	long long n = render_num(f, "installed"), serving = render_num(f, "serving");
	char state[24];
	size_t i;

	(void)cmd;
	cli_out_put(out, "Fabric:\n");
	cli_out_printf(out, "  %-25s : %s\n", "State",
	               !serving      ? "Down (no packet passes between ports and packet cards)"
	               : serving < n ? "Degraded"
	                             : "Normal");
	cli_out_printf(out, "  %-25s : %lld of %lld (needed: %lld)\n", "Cards Active", serving, n,
	               render_num(f, "needed"));
	cli_out_printf(out, "  %-25s : %lld%%\n", "Bandwidth", n ? 100 * serving / n : 0);
	json_array_foreach(render_list(f, "cards"), i, c) cli_out_printf(
	        out, "  Card %-20lld : %s\n", render_num(c, "slot"),
	        render_str(c, "state")[0] ? render_title(render_str(c, "state"), state, sizeof(state))
	                                  : "None");
}
