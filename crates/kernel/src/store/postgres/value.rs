//! Values on their way to PostgreSQL and back.

use std::error::Error;
use std::sync::Arc;

use bytes::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, WrongType, to_sql_checked};

use crate::store::{Row, StoreError, Value};

type SqlResult<T> = Result<T, Box<dyn Error + Sync + Send>>;

/// A value goes out as the type that the statement asks for, as long as nothing is lost by it.
impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> SqlResult<IsNull> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Bool(value) if *ty == Type::BOOL => value.to_sql(ty, out),
            Self::Int(value) => match *ty {
                Type::INT8 => value.to_sql(ty, out),
                Type::INT4 => i32::try_from(*value)?.to_sql(ty, out),
                Type::INT2 => i16::try_from(*value)?.to_sql(ty, out),
                // Whole numbers up to 2^53 are exact.
                #[allow(clippy::cast_precision_loss)]
                Type::FLOAT8 if value.unsigned_abs() <= 1 << f64::MANTISSA_DIGITS => (*value as f64).to_sql(ty, out),
                _ => Err(Box::new(WrongType::new::<Self>(ty.clone()))),
            },
            Self::Real(value) if *ty == Type::FLOAT8 => value.to_sql(ty, out),
            Self::Text(value) if <&str as ToSql>::accepts(ty) => value.to_sql(ty, out),
            Self::Blob(value) if *ty == Type::BYTEA => value.to_sql(ty, out),
            _ => Err(Box::new(WrongType::new::<Self>(ty.clone()))),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> SqlResult<Self> {
        Ok(match *ty {
            Type::BOOL => Self::Bool(bool::from_sql(ty, raw)?),
            Type::INT8 => Self::Int(i64::from_sql(ty, raw)?),
            Type::INT4 => Self::Int(i32::from_sql(ty, raw)?.into()),
            Type::INT2 => Self::Int(i16::from_sql(ty, raw)?.into()),
            Type::FLOAT8 => Self::Real(f64::from_sql(ty, raw)?),
            Type::FLOAT4 => Self::Real(f32::from_sql(ty, raw)?.into()),
            Type::BYTEA => Self::Blob(raw.to_vec()),
            Type::VOID => Self::Null,
            _ => Self::Text(String::from_sql(ty, raw)?),
        })
    }

    fn from_sql_null(_: &Type) -> SqlResult<Self> {
        Ok(Self::Null)
    }

    fn accepts(ty: &Type) -> bool {
        const OURS: [Type; 8] =
            [Type::BOOL, Type::INT8, Type::INT4, Type::INT2, Type::FLOAT8, Type::FLOAT4, Type::BYTEA, Type::VOID];
        OURS.contains(ty) || <String as FromSql>::accepts(ty)
    }
}

/// Rows as the store knows them.
pub(super) fn rows(found: &[tokio_postgres::Row]) -> Result<Vec<Row>, StoreError> {
    let Some(first) = found.first() else { return Ok(Vec::new()) };
    let columns: Arc<[String]> = first.columns().iter().map(|column| column.name().to_owned()).collect();
    found.iter().map(|row| one(row, &columns)).collect()
}

fn one(row: &tokio_postgres::Row, columns: &Arc<[String]>) -> Result<Row, StoreError> {
    let value = |index: usize| {
        row.try_get(index).map_err(|_| StoreError::Column {
            column: columns[index].clone(),
            reason: "its type is none that both databases have; cast it",
        })
    };
    let values = (0..columns.len()).map(value).collect::<Result<_, _>>()?;
    Ok(Row { columns: Arc::clone(columns), values })
}
