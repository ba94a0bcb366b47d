-- What every column holds: meaning, [unit], and (API: source field, unit it comes in).
-- Grain   comments only
-- Layer   every table
-- Source  ingest/eniscope/fields.py, ingest/eniscope/resources.py; read by npm run docs:dictionary

COMMENT ON COLUMN organizations.organization_id IS 'Site id (API: organizationId).';
COMMENT ON COLUMN organizations.organization_name IS 'Name of the site (API: organizationName).';
COMMENT ON COLUMN organizations.parent_id IS 'Organization above this one; null at the top (API: parentId).';
COMMENT ON COLUMN organizations.currency_code IS 'ISO 4217 currency of the site, for cost and tariff (API: currencyCode; config: currency).';
COMMENT ON COLUMN organizations.timezone IS 'IANA zone of the site; never guessed (API: timeZone; config: timezone).';
COMMENT ON COLUMN organizations.address IS 'Street address; known only from an older database.';
COMMENT ON COLUMN organizations.city IS 'City; known only from an older database.';
COMMENT ON COLUMN organizations.postcode IS 'Postal code; known only from an older database.';
COMMENT ON COLUMN organizations.country IS 'Country; known only from an older database.';
COMMENT ON COLUMN organizations.is_active IS 'False for a site that is no longer looked after.';
COMMENT ON COLUMN organizations.created_at IS 'When the row was made.';
COMMENT ON COLUMN organizations.updated_at IS 'When the row was last changed.';

COMMENT ON TABLE devices IS 'Metering devices (hubs), as the API lists them with its channels.';
COMMENT ON COLUMN devices.device_id IS 'Device id (API: deviceId).';
COMMENT ON COLUMN devices.organization_id IS 'Site of the device (API: organizationId).';
COMMENT ON COLUMN devices.device_name IS 'Name of the device (API: deviceName).';
COMMENT ON COLUMN devices.device_type IS 'Name of the device type (API: deviceTypeName).';
COMMENT ON COLUMN devices.device_type_id IS 'Id of the device type; decides which fields it sends (API: deviceTypeId).';
COMMENT ON COLUMN devices.parent_id IS 'Device that this one hangs on (API: parentId).';
COMMENT ON COLUMN devices.status IS 'State as the API words it (API: status).';
COMMENT ON COLUMN devices.registered_at IS 'When the device was registered (API: registered).';
COMMENT ON COLUMN devices.created_at IS 'When the row was made.';
COMMENT ON COLUMN devices.updated_at IS 'When the row was last changed.';

COMMENT ON TABLE meters IS 'Metering points of a device; one feeds several channels (system value and phases).';
COMMENT ON COLUMN meters.meter_id IS 'Meter id (API: meterId).';
COMMENT ON COLUMN meters.device_id IS 'Device of the meter (API: deviceId).';
COMMENT ON COLUMN meters.organization_id IS 'Site of the meter.';
COMMENT ON COLUMN meters.data_type IS 'What the meter measures, as the API words it (API: dataType).';
COMMENT ON COLUMN meters.ct_ratio IS 'Primary current of the current transformer [A] (API: ct).';
COMMENT ON COLUMN meters.voltage_scale IS 'Voltage scale of the meter [V] (API: vs).';
COMMENT ON COLUMN meters.created_at IS 'When the row was made.';
COMMENT ON COLUMN meters.updated_at IS 'When the row was last changed.';

COMMENT ON TABLE channels IS 'Data channels: what readings belong to.';
COMMENT ON COLUMN channels.channel_id IS 'Channel id (API: dataChannelId).';
COMMENT ON COLUMN channels.organization_id IS 'Site of the channel (API: organizationId).';
COMMENT ON COLUMN channels.device_id IS 'Device of the channel (API: deviceId).';
COMMENT ON COLUMN channels.meter_id IS 'Meter that the channel shows (API: meterId).';
COMMENT ON COLUMN channels.channel_name IS 'Name of the channel (API: channelName).';
COMMENT ON COLUMN channels.displayed_phase IS 'Phase of the meter that the channel shows; null or system = its system value (API: displayedPhase).';
COMMENT ON COLUMN channels.unit IS 'Unit of the channel''s main quantity: kWh, or null for an environment channel.';
COMMENT ON COLUMN channels.is_active IS 'False once the channel was uninstalled (API: uninstalledTs).';
COMMENT ON COLUMN channels.installed_at IS 'When the channel was installed; readings before are refused (API: installedTs).';
COMMENT ON COLUMN channels.uninstalled_at IS 'When the channel was taken out (API: uninstalledTs).';
COMMENT ON COLUMN channels.created_at IS 'When the row was made.';
COMMENT ON COLUMN channels.updated_at IS 'When the row was last changed.';

COMMENT ON TABLE readings IS 'What the meters said, once: one row per channel and interval. Null = not sent, 0 = zero.';
COMMENT ON COLUMN readings.channel_id IS 'Channel of the reading (API: the id in the address of the request).';
COMMENT ON COLUMN readings."timestamp" IS 'Start of the interval, UTC (API: ts, epoch seconds).';
COMMENT ON COLUMN readings.interval_seconds IS 'Length of the interval [s] (API: res, as asked for).';
COMMENT ON COLUMN readings.voltage_v IS 'Mean line-to-neutral voltage [V] (API: V).';
COMMENT ON COLUMN readings.current_a IS 'Current [A]; system value as the API gives it (API: I).';
COMMENT ON COLUMN readings.power_factor IS 'Power factor of the system [-1..1] (API: PF).';
COMMENT ON COLUMN readings.frequency_hz IS 'Mains frequency [Hz] (API: F).';
COMMENT ON COLUMN readings.thd_current IS 'Total harmonic distortion of the current [%] (API: D or THDI).';
COMMENT ON COLUMN readings.thd_voltage IS 'Total harmonic distortion of the voltage [%] (API: THDV).';
COMMENT ON COLUMN readings.neutral_current_a IS 'Current in the neutral conductor [A] (API: In).';
COMMENT ON COLUMN readings.temperature_c IS 'Temperature [°C] (API: T).';
COMMENT ON COLUMN readings.signal_strength IS 'Radio signal strength [dBm] (API: RSSI).';
COMMENT ON COLUMN readings.cost IS 'Cost of the interval in the site''s currency, where the API sends it (API: cost).';
COMMENT ON COLUMN readings.extra IS 'Every other field sent, by its API code, in the unit it came with (API: any other code).';
COMMENT ON COLUMN readings.ingested_at IS 'When the row was stored.';
COMMENT ON COLUMN readings.energy_kwh_1 IS 'Energy of phase 1 in the interval [kWh] (API: E1, Wh).';
COMMENT ON COLUMN readings.energy_kwh_2 IS 'Energy of phase 2 in the interval [kWh] (API: E2, Wh).';
COMMENT ON COLUMN readings.energy_kwh_3 IS 'Energy of phase 3 in the interval [kWh] (API: E3, Wh).';
COMMENT ON COLUMN readings.power_kw_1 IS 'Mean power of phase 1 [kW] (API: P1, W).';
COMMENT ON COLUMN readings.power_kw_2 IS 'Mean power of phase 2 [kW] (API: P2, W).';
COMMENT ON COLUMN readings.power_kw_3 IS 'Mean power of phase 3 [kW] (API: P3, W).';
COMMENT ON COLUMN readings.voltage_v_1 IS 'Voltage of phase 1 to neutral [V] (API: V1).';
COMMENT ON COLUMN readings.voltage_v_2 IS 'Voltage of phase 2 to neutral [V] (API: V2).';
COMMENT ON COLUMN readings.voltage_v_3 IS 'Voltage of phase 3 to neutral [V] (API: V3).';
COMMENT ON COLUMN readings.current_a_1 IS 'Current of phase 1 [A] (API: I1).';
COMMENT ON COLUMN readings.current_a_2 IS 'Current of phase 2 [A] (API: I2).';
COMMENT ON COLUMN readings.current_a_3 IS 'Current of phase 3 [A] (API: I3).';
COMMENT ON COLUMN readings.power_factor_1 IS 'Power factor of phase 1 [-1..1] (API: PF1).';
COMMENT ON COLUMN readings.power_factor_2 IS 'Power factor of phase 2 [-1..1] (API: PF2).';
COMMENT ON COLUMN readings.power_factor_3 IS 'Power factor of phase 3 [-1..1] (API: PF3).';

COMMENT ON TABLE ingestion_logs IS 'Every attempt to fetch a window of a channel, failed ones too; fetched = inserted + duplicate + rejected.';
COMMENT ON COLUMN ingestion_logs.id IS 'Number of the attempt; rises with time.';
COMMENT ON COLUMN ingestion_logs.run_id IS 'Ingestion run the attempt belongs to.';
COMMENT ON COLUMN ingestion_logs.organization_id IS 'Site.';
COMMENT ON COLUMN ingestion_logs.channel_id IS 'Channel.';
COMMENT ON COLUMN ingestion_logs.window_start IS 'Start of the window asked for.';
COMMENT ON COLUMN ingestion_logs.window_end IS 'End of the window asked for, exclusive.';
COMMENT ON COLUMN ingestion_logs.interval_seconds IS 'Interval length asked for [s].';
COMMENT ON COLUMN ingestion_logs.readings_fetched IS 'Readings in the answer that belong to the window.';
COMMENT ON COLUMN ingestion_logs.readings_inserted IS 'Readings stored.';
COMMENT ON COLUMN ingestion_logs.readings_rejected IS 'Readings refused as a whole; each is in rejected_readings.';
COMMENT ON COLUMN ingestion_logs.requests IS 'Requests sent to the API for the window.';
COMMENT ON COLUMN ingestion_logs.error_message IS 'Why the window failed or is partial; null otherwise.';
COMMENT ON COLUMN ingestion_logs.started_at IS 'When the window was begun.';
COMMENT ON COLUMN ingestion_logs.finished_at IS 'When it ended; null while it is running.';

COMMENT ON COLUMN rejected_readings.id IS 'Number of the entry.';
COMMENT ON COLUMN rejected_readings.run_id IS 'Ingestion run that first met it.';
COMMENT ON COLUMN rejected_readings.channel_id IS 'Channel; 0 where an older database named none.';
COMMENT ON COLUMN rejected_readings."timestamp" IS 'Start of the interval, UTC; null where it has none. For an ambiguous local time of an older database, the earlier meaning.';
COMMENT ON COLUMN rejected_readings.reason IS 'Rule that refused it.';
COMMENT ON COLUMN rejected_readings.field IS 'Field that broke the rule.';
COMMENT ON COLUMN rejected_readings.value IS 'The refused value, as text.';
COMMENT ON COLUMN rejected_readings.raw IS 'What arrived, whole.';
COMMENT ON COLUMN rejected_readings.raw_md5 IS 'MD5 of raw: the same row is quarantined once.';
COMMENT ON COLUMN rejected_readings.times_seen IS 'How often it was offered.';
COMMENT ON COLUMN rejected_readings.rejected_at IS 'When it was first refused.';

COMMENT ON COLUMN reading_conflicts.channel_id IS 'Channel.';
COMMENT ON COLUMN reading_conflicts."timestamp" IS 'Start of the interval, UTC.';
COMMENT ON COLUMN reading_conflicts.field IS 'Column that differs; extra.CODE for a field without column.';
COMMENT ON COLUMN reading_conflicts.stored_value IS 'Value that is stored.';
COMMENT ON COLUMN reading_conflicts.offered_value IS 'Value that the newest differing answer held.';
COMMENT ON COLUMN reading_conflicts.first_seen_at IS 'When the contradiction was first met.';
COMMENT ON COLUMN reading_conflicts.last_seen_at IS 'When it was last met.';
COMMENT ON COLUMN reading_conflicts.times_seen IS 'How often it was met.';

COMMENT ON TABLE data_gaps IS 'Stretches in which a channel should have readings and has none.';
COMMENT ON COLUMN data_gaps.gap_id IS 'Number of the gap.';
COMMENT ON COLUMN data_gaps.channel_id IS 'Channel.';
COMMENT ON COLUMN data_gaps.gap_start IS 'Start of the first missing interval.';
COMMENT ON COLUMN data_gaps.gap_end IS 'End of the last missing interval, exclusive.';
COMMENT ON COLUMN data_gaps.missing_intervals IS 'Intervals missing.';
COMMENT ON COLUMN data_gaps.reason IS 'What the ingestion logs suggest: api_failed, channel_silent, site_offline, rejected, unknown.';
COMMENT ON COLUMN data_gaps.fillable IS 'False where asking the API again is known to be of no use.';
COMMENT ON COLUMN data_gaps.detected_at IS 'When the gap was found.';
COMMENT ON COLUMN data_gaps.filled_at IS 'When it was closed; null while it is open.';
COMMENT ON COLUMN data_gaps.filled_by IS 'What closed it.';

COMMENT ON TABLE estimated_readings IS 'Estimates for short gaps; never mixed into readings.';
COMMENT ON COLUMN estimated_readings.channel_id IS 'Channel.';
COMMENT ON COLUMN estimated_readings."timestamp" IS 'Start of the interval, UTC.';
COMMENT ON COLUMN estimated_readings.interval_seconds IS 'Length of the interval [s].';
COMMENT ON COLUMN estimated_readings.energy_kwh IS 'Estimated energy of the interval [kWh].';
COMMENT ON COLUMN estimated_readings.power_kw IS 'Estimated mean power of the interval [kW].';
COMMENT ON COLUMN estimated_readings.method IS 'How it was estimated.';
COMMENT ON COLUMN estimated_readings.gap_id IS 'Gap that it fills.';
COMMENT ON COLUMN estimated_readings.created_at IS 'When it was estimated.';

COMMENT ON TABLE validation_runs IS 'Verdicts on the data of a site and window; the newest that covers a day decides.';
COMMENT ON COLUMN validation_runs.id IS 'Number of the validation; rises with time.';
COMMENT ON COLUMN validation_runs.organization_id IS 'Site.';
COMMENT ON COLUMN validation_runs.window_start IS 'Start of the validated window.';
COMMENT ON COLUMN validation_runs.window_end IS 'End of the validated window, exclusive.';
COMMENT ON COLUMN validation_runs.verdict IS 'pass, warn or fail.';
COMMENT ON COLUMN validation_runs.started_at IS 'When the checks began.';
COMMENT ON COLUMN validation_runs.finished_at IS 'When the verdict stood.';
COMMENT ON COLUMN validation_runs.overridden_by IS 'Who let a failed window through; null where nobody did.';
COMMENT ON COLUMN validation_runs.override_reason IS 'Why it was let through.';

COMMENT ON COLUMN mv_hourly_usage.channel_id IS 'Channel.';
COMMENT ON COLUMN mv_hourly_usage.energy_kwh IS 'Energy of the hour [kWh]; null where no reading has one.';
COMMENT ON COLUMN mv_hourly_usage.avg_kw IS 'Mean power of the hour''s readings [kW].';
COMMENT ON COLUMN mv_hourly_usage.reading_count IS 'Readings stored for the hour.';
COMMENT ON COLUMN mv_hourly_usage.expected_count IS 'Intervals that the hour has at its interval length.';
COMMENT ON COLUMN mv_hourly_usage.null_energy IS 'Readings without energy.';
COMMENT ON COLUMN mv_hourly_usage.null_power IS 'Readings without power.';
COMMENT ON COLUMN mv_hourly_usage.interval_seconds IS 'Length of the hours intervals [s].';
COMMENT ON COLUMN mv_hourly_usage.refreshed_at IS 'When the hour was last aggregated.';

COMMENT ON TABLE virtual_meters IS 'Weighted sums of channels, defined by people.';
COMMENT ON COLUMN virtual_meters.virtual_meter_id IS 'Number of the virtual meter.';
COMMENT ON COLUMN virtual_meters.organization_id IS 'Site.';
COMMENT ON COLUMN virtual_meters.name IS 'Name, unique within the site.';
COMMENT ON COLUMN virtual_meters.created_at IS 'When it was defined.';

COMMENT ON TABLE virtual_meter_map IS 'The parts of each virtual meter.';
COMMENT ON COLUMN virtual_meter_map.virtual_meter_id IS 'Virtual meter.';
COMMENT ON COLUMN virtual_meter_map.channel_id IS 'Channel that is a part of it.';

COMMENT ON TABLE alert_events IS 'Alerts: from the first sight of a fault to its end.';
COMMENT ON COLUMN alert_events.id IS 'Number of the event.';
COMMENT ON COLUMN alert_events.rule IS 'Rule that fired.';
COMMENT ON COLUMN alert_events.organization_id IS 'Site; null for the whole installation.';
COMMENT ON COLUMN alert_events.channel_id IS 'Channel; null for the whole site.';
COMMENT ON COLUMN alert_events.severity IS 'low, medium, high or critical.';
COMMENT ON COLUMN alert_events.state IS 'open, notified, silenced or resolved.';
COMMENT ON COLUMN alert_events.first_seen_at IS 'When the fault was first seen.';
COMMENT ON COLUMN alert_events.last_seen_at IS 'When it was last seen.';
COMMENT ON COLUMN alert_events.notified_at IS 'When somebody was told.';
COMMENT ON COLUMN alert_events.resolved_at IS 'When it was over.';
COMMENT ON COLUMN alert_events.message IS 'What was told, in one line.';

COMMENT ON TABLE alert_silences IS 'Alerts that a person asked not to be told of.';
COMMENT ON COLUMN alert_silences.id IS 'Number of the silence.';
COMMENT ON COLUMN alert_silences.rule IS 'Rule; null for every rule.';
COMMENT ON COLUMN alert_silences.organization_id IS 'Site; null for every site.';
COMMENT ON COLUMN alert_silences.channel_id IS 'Channel; null for every channel.';
COMMENT ON COLUMN alert_silences.reason IS 'Why.';
COMMENT ON COLUMN alert_silences.created_by IS 'Who asked for it.';
COMMENT ON COLUMN alert_silences.created_at IS 'When it was asked for.';
COMMENT ON COLUMN alert_silences.expires_at IS 'Until when it holds.';

COMMENT ON TABLE report_deliveries IS 'What was sent to whom.';
COMMENT ON COLUMN report_deliveries.id IS 'Number of the delivery.';
COMMENT ON COLUMN report_deliveries.organization_id IS 'Site.';
COMMENT ON COLUMN report_deliveries.report IS 'Kind of report.';
COMMENT ON COLUMN report_deliveries.period_start IS 'First local day of the report.';
COMMENT ON COLUMN report_deliveries.period_end IS 'Last local day of the report, inclusive.';
COMMENT ON COLUMN report_deliveries.recipient IS 'Who received it.';
COMMENT ON COLUMN report_deliveries.sent_at IS 'When it was sent.';

COMMENT ON TABLE schema_migrations IS 'The migrations that this database has.';
COMMENT ON COLUMN schema_migrations.version IS 'Number of the migration.';
COMMENT ON COLUMN schema_migrations.name IS 'Its name.';
COMMENT ON COLUMN schema_migrations.checksum IS 'SHA-256 of its text when it was applied.';
COMMENT ON COLUMN schema_migrations.applied_at IS 'When it was applied.';

COMMENT ON TABLE schema_views IS 'The view files that this database has.';
COMMENT ON COLUMN schema_views.name IS 'Name of the view.';
COMMENT ON COLUMN schema_views.checksum IS 'SHA-256 of its file when it was made.';
COMMENT ON COLUMN schema_views.applied_at IS 'When it was made.';
