# A small ASR 5500: enough cards for every redundancy, few enough for a laptop.
name asr5500-lab
model "ASR 5500"
slots 20
slot 1 DPC2
slot 2 DPC2
slot 3 DPC2
slot 5 MIO
slot 6 MIO
slot 10 DPC2
slot 11 SSC
slot 12 SSC
slot 14 FSC
slot 15 FSC
slot 16 FSC
slot 17 FSC
# processes per active card and CPU (an ASR 5500 has 48 sessmgr a CPU)
ipsecmgr-per-card 1
sessmgr-per-cpu 1
standby-sessmgr-per-cpu 1
standby-ipsecmgr 2
# milliseconds: heartbeat interval, and silence after which a task or card counts as hung
task-heartbeat 500 2000
card-heartbeat 250 2000
card-reboot 1500
