# A small ASR 5500: enough cards for every redundancy, few enough for a laptop.
name asr5500-lab
model "ASR 5500"
slots 20
slot 1 DPC2 FLM21180001
slot 2 DPC2 FLM21180002
slot 3 DPC2 FLM21180003
empty 4 DPC
slot 5 MIO FLM21180005
slot 6 MIO FLM21180006
empty 7 DPC
empty 8 DPC
empty 9 DPC
slot 10 DPC2 FLM21180010
slot 11 SSC FLM21180011
slot 12 SSC FLM21180012
empty 13 FSC
slot 14 FSC FLM21180014
slot 15 FSC FLM21180015
slot 16 FSC FLM21180016
slot 17 FSC FLM21180017
empty 18 FSC
# fan trays, power filter units, and fabric cards that must be active (N of N+1)
fan-trays 4
power-feeds 2
fabric-cards 1
# processes per active card and CPU (an ASR 5500 has 48 sessmgr a CPU)
ipsecmgr-per-card 1
sessmgr-per-cpu 1
standby-sessmgr-per-cpu 1
standby-ipsecmgr 2
# milliseconds: heartbeat interval, and silence after which a task or card counts as hung
task-heartbeat 500 2000
card-heartbeat 250 2000
card-reboot 1500
# first and longest pause before a task that fails again and again is started again
task-restart 500 30000
