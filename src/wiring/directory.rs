//! The directory from its settings: the files that they name are opened here.

use std::{path::Path, time::Duration};

use crate::{
    adapters::directory::{Database, Dialect, Password, Relations, Select, SqlDirectory},
    config::{DirectorySettings, SettingError},
    reload::file::ReloadingFile,
    wiring::open::require_loaded,
};

/// Reads the SQL files, the password and the trusted certificates once; the password is read again later on. The database
/// works on no query for longer than `deadline`.
pub(crate) async fn open(settings: &DirectorySettings, deadline: Duration) -> Result<SqlDirectory, SettingError> {
    let dialect = settings.database.dialect();
    let relations = Relations {
        ownership: settings.ownership,
        tenants: select("--tenants-sql-file", settings.tenants_sql_file.as_deref(), dialect).await?,
        owners: select("--owners-sql-file", settings.owners_sql_file.as_deref(), dialect).await?,
    };
    if let Database::Postgres(server) = &settings.database
        && let Some(path) = &server.ssl_root_cert
    {
        let pem = tokio::fs::read_to_string(path).await;
        if !pem.is_ok_and(|pem| pem.contains("-----BEGIN CERTIFICATE-----")) {
            let problem = format!("has an sslrootcert, {}, which holds no certificate in PEM", path.display());
            return Err(SettingError::new("DATABASE_URL", problem));
        }
    }
    let password = match &settings.password_file {
        Some(path) => {
            let file = ReloadingFile::open("--database-password-file", path.clone(), |bytes| {
                Password::parse(bytes).map_err(|error| error.to_string())
            })
            .await;
            require_loaded(&file, "--database-password-file", "give one that holds the password")?;
            Some(file)
        }
        None => None,
    };
    Ok(SqlDirectory::new(&settings.database, password, &relations, deadline))
}

async fn select(setting: &str, path: Option<&Path>, dialect: Dialect) -> Result<Option<Select>, SettingError> {
    let Some(path) = path else { return Ok(None) };
    let text = tokio::fs::read_to_string(path).await;
    let text = text.map_err(|error| SettingError::new(setting, format!("names a file that can't be used: {error}")))?;
    let select = Select::parse(&text, dialect);
    select.map(Some).map_err(|problem| SettingError::new(setting, format!("names a file that {problem}")))
}
