# A full ASR 5500: eight processing cards, both MIOs, all fabric cards.
name asr5500-full
model "ASR 5500"
slots 20
slot 1 DPC2 FLM21190001
slot 2 DPC2 FLM21190002
slot 3 DPC2 FLM21190003
slot 4 DPC2 FLM21190004
slot 5 MIO FLM21190005
slot 6 MIO FLM21190006
slot 7 DPC2 FLM21190007
slot 8 DPC2 FLM21190008
slot 9 DPC2 FLM21190009
slot 10 DPC2 FLM21190010
slot 11 SSC FLM21190011
slot 12 SSC FLM21190012
slot 13 FSC FLM21190013
slot 14 FSC FLM21190014
slot 15 FSC FLM21190015
slot 16 FSC FLM21190016
slot 17 FSC FLM21190017
slot 18 FSC FLM21190018
# fan trays, power filter units, and fabric cards that must be active (N of N+1)
fan-trays 4
power-feeds 2
fabric-cards 1
ipsecmgr-per-card 3
sessmgr-per-cpu 3
standby-sessmgr-per-cpu 1
standby-ipsecmgr 3
task-heartbeat 2000 6000
task-restart 500 30000
card-heartbeat 1000 6000
card-reboot 3000
